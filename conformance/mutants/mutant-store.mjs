import { moduleOf, openPlain } from "./base.mjs";
import { historyMutants } from "./histories.mjs";
import { mutants } from "./index.mjs";
import { mutatedBaseTokenStore } from "./mutated-core.mjs";

/** The kit's module of this mutant. */
export function mutantStore(name) {
  const mutant = [...mutants, ...historyMutants].find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant ${JSON.stringify(name)}.`);
  const core = mutant.core && mutatedBaseTokenStore(mutant.core);
  return moduleOf(`mutant: ${mutant.name}`, async (space, options, connect, client) => {
    let backend;
    const change = (plain) => {
      backend = plain;
      connect(plain);
      mutant.backend?.(plain);
    };
    const store = openPlain(space, { ...options, ...mutant.options }, change, client, await core);
    mutant.store?.(store, backend);
    return store;
  });
}
