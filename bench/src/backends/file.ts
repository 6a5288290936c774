import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { fill } from "../peers.js";
import type { Bench, Subject } from "../subject.js";
import { queryOf, tokenOf } from "../tokens.js";
import { zohoFileStore } from "../zoho-file-store.js";

export const fileBench: Bench = {
  backend: "File",
  targets: [
    { job: "find", against: "Zoho SDK's FileStore", size: 10_000, times: 100 },
    { job: "save", against: "Zoho SDK's FileStore", size: 10_000, times: 10 },
  ],
  notes: [
    "The SDK's FileStore reads the whole file at each find and writes it anew at each save. It is measured with one caller: of several saves at once it loses some.",
    "At 100 tokens the SDK's save is faster, since it waits for no disk.",
  ],
  start: async (sizes) => {
    const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
    const stores: FileTokenStore[] = [];
    const subjects: Subject[] = [];
    for (const size of sizes) {
      const store = new FileTokenStore(join(folder, `tokens-${size}.jsonl`));
      stores.push(store);
      // many at once, so that they share their flushes
      await fill(size, (i) => store.saveToken(tokenOf(i)), 5000);
      subjects.push(
        {
          name: "@tokenkeep/file",
          kind: "ours",
          size,
          durability: "flushed to the disk (`fdatasync`)",
          find: (i) => store.findToken(queryOf(i)),
          save: (i, version) => store.saveToken(tokenOf(i, version)),
        },
        zohoFileStore(join(folder, `sdk-${size}.csv`), size),
      );
    }
    const stop = async () => {
      for (const store of stores) await store.close();
      rmSync(folder, { recursive: true });
    };
    return { subjects, stop };
  },
};
