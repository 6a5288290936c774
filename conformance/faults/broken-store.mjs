import { moduleOf, openPlain } from "./base.mjs";
import { faults } from "./index.mjs";

/** The kit's module of the store with this fault. */
export function brokenStore(name) {
  const fault = faults.find((candidate) => candidate.name === name);
  if (fault === undefined) throw new Error(`There is no fault ${JSON.stringify(name)}.`);
  return moduleOf(`broken: ${fault.name}`, (space, options, reach, client) => {
    let backend;
    const change = (plain) => {
      backend = plain;
      reach(plain);
      fault.backend?.(plain);
    };
    const store = openPlain(space, { ...options, ...fault.options }, change, client);
    fault.store?.(store, backend);
    return store;
  });
}
