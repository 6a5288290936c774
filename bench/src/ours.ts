import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { fill } from "./alternatives.js";
import type { Candidate } from "./bench.js";
import { changesOf, queryOf, tokenOf } from "./tokens.js";

type Described = Pick<Candidate, "name" | "size" | "durability"> & Partial<Candidate>;

/** One of our stores, filled. */
export async function storeCandidate(described: Described, store: TokenStore): Promise<Candidate> {
  const copies: OAuthToken[] = [];
  const save = async (i: number, version: number) => {
    copies[i] = await store.saveToken(tokenOf(i, version));
  };
  await fill(described.size, (i) => save(i, 0));
  return {
    kind: "ours",
    close: () => store.close(),
    ...described,
    jobs: {
      find: (i) => store.findToken(queryOf(i)),
      save,
      "save a copy": async (i, version) => {
        copies[i] = await store.saveToken(copies[i]!.with(changesOf(i, version)));
      },
    },
  };
}
