// Mutants of what every error is (7.1).
import { TokenStoreError } from "@tokenkeep/core";
import { rejecting, wrap } from "./change.mjs";

export const errors = [
  {
    name: "bad input is thrown, not rejected",
    paragraphs: ["7.1"],
    case: "not a throw",
    store: (store) =>
      wrap(store, "findTokenById", (find) => (id) => {
        if (typeof id !== "string") throw new TokenStoreError("ERR_INVALID_TOKEN", "id must be a string.");
        return find(id);
      }),
  },
  {
    name: "every error is retryable",
    paragraphs: ["7.1"],
    store: rejecting(["saveToken", "findTokenById"], (error) => Object.assign(error, { retryable: true })),
  },
  {
    name: "every error is uncertain",
    paragraphs: ["7.1"],
    store: rejecting(["saveToken", "findTokenById"], (error) => Object.assign(error, { uncertain: true })),
  },
  {
    name: "an error has no message",
    paragraphs: ["7.1"],
    store: rejecting(["saveToken"], (error) => Object.assign(error, { message: error.code })),
  },
  {
    name: "a store that failed once is closed",
    paragraphs: ["7.1"],
    case: "the store keeps working",
    store: rejecting(["saveToken"], (error, store) => {
      void store.close();
      return error;
    }),
  },
];
