// Mutants of deleting (section 4).
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { wrap } from "./change.mjs";

/** As far away as a server: something may come between two steps. */
const ROUND_TRIP_MS = 3;

export const deleting = [
  {
    name: "a delete leaves what led to the record",
    paragraphs: ["4.1"],
    options: { timeoutMs: 500 },
    backend: (backend) => {
      backend.remove = (id) => backend.run("DELETE FROM records WHERE namespace = ? AND id = ?", id);
    },
  },
  {
    name: "a delete takes the lookups away a moment later",
    paragraphs: ["4.1"],
    case: "a save and a delete of one record at once",
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
    case: "files beside",
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
          await sleep(10); // long enough to be seen on a busy machine
        }
      };
    },
  },
];
