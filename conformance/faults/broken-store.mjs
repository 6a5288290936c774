import { openPlain } from "./base.mjs";
import { faults } from "./index.mjs";

/** The kit's module of the store with this fault. */
export function brokenStore(name) {
  const fault = faults.find((candidate) => candidate.name === name);
  if (fault === undefined) throw new Error(`There is no fault ${JSON.stringify(name)}.`);
  return {
    name: `broken: ${fault.name}`,
    open(space, options = {}) {
      let backend;
      const store = openPlain(space, { ...options, ...fault.options }, (plain) => {
        backend = plain;
        fault.backend?.(plain);
      });
      fault.store?.(store, backend);
      return store;
    },
  };
}
