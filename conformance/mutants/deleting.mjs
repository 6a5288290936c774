// Mutants of deleting (section 4).
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import { ROUND_TRIP_MS, wrap } from "./change.mjs";

export const deleting = [
  {
    name: "a delete leaves the index entries",
    paragraphs: ["4.1"],
    options: { timeoutMs: 500 },
    backend: (backend) => {
      backend.remove = ({ id }) => backend.run("DELETE FROM records WHERE namespace = ? AND id = ?", id) > 0;
    },
  },
  {
    name: "a delete removes the index entries a moment later",
    paragraphs: ["4.1"],
    case: "a concurrent save and delete of one record",
    options: { timeoutMs: 500 },
    store: (store, backend) =>
      wrap(store, "deleteToken", (remove) => async (id) => {
        const keys = backend.all("SELECT kind, key FROM keys WHERE namespace = ? AND id = ?", id);
        await remove(id);
        await sleep(ROUND_TRIP_MS);
        for (const { kind, key } of keys) {
          backend.run("DELETE FROM keys WHERE namespace = ? AND kind = ? AND key = ?", kind, key);
        }
      }),
  },
  {
    name: "a delete of a missing id is an error",
    paragraphs: ["4.1"],
    store: (store) =>
      wrap(store, "deleteToken", (remove) => async (id) => {
        if ((await store.findTokenById(id)) === null) throw new Error("no such record");
        await remove(id);
      }),
  },
  {
    name: "deleteTokens empties its directory",
    paragraphs: ["4.2"],
    case: "other files in the directory",
    backend: (backend) =>
      wrap(backend, "clear", (clear) => () => {
        clear();
        const directory = dirname(backend.path);
        for (const name of readdirSync(directory)) {
          if (!name.startsWith("plain.db")) rmSync(join(directory, name), { recursive: true });
        }
      }),
  },
  {
    name: "deleteTokens deletes one record after the other",
    paragraphs: ["4.2"],
    store: (store) => {
      store.deleteTokens = async () => {
        for (const { id } of await store.getTokens()) {
          await store.deleteToken(id);
          await sleep(10); // long enough to be noticed on a busy machine
        }
      };
    },
  },
  {
    name: "the ifRevision of a delete is ignored",
    paragraphs: ["4.3"],
    case: "at no other",
    store: (store) => wrap(store, "deleteToken", (remove) => (id) => remove(id)),
  },
  {
    name: "the ifRevision of a delete is checked before it, not by it",
    paragraphs: ["4.3"],
    case: "a concurrent save",
    backend: (backend) => {
      backend.remove = async ({ id }) => {
        await sleep(ROUND_TRIP_MS);
        backend.atomically(() => backend.drop(id));
        return true;
      };
    },
  },
  {
    name: "a conditional delete of a missing record is an error",
    paragraphs: ["4.3"],
    case: "a missing record",
    store: (store) =>
      wrap(store, "deleteToken", (remove) => async (id, options) => {
        if (options?.ifRevision !== undefined && (await store.findTokenById(id)) === null) {
          throw new TokenStoreError("ERR_CONFLICT", "There is no such record.");
        }
        await remove(id, options);
      }),
  },
];
