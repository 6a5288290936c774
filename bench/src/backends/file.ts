import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { LARGEST } from "../alternatives.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { zohoFileStore } from "../zoho-file-store.js";

export const bench: Bench = {
  targets: [{ job: "find", against: "Zoho SDK's FileStore", times: 1 }],
  notes: [
    "The SDK's FileStore reads the whole file at each find and rewrites it at each save. It is measured with one caller, since it loses some of several concurrent saves. At 100 tokens its save is faster, since it does not wait for the disk.",
  ],
  start: async (sizes) => {
    const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      const path = join(folder, `tokens-${size}.jsonl`);
      const durability = "flushed to the disk (`fdatasync`)";
      const described = { name: "@tokenkeep/file", size, durability, bytes: async () => statSync(path).size };
      candidates.push(await storeCandidate(described, new FileTokenStore(path)));
      if (size <= LARGEST) candidates.push(zohoFileStore(join(folder, `sdk-${size}.csv`), size));
    }
    const stop = async () => {
      for (const { close } of candidates) await close?.();
      rmSync(folder, { recursive: true });
    };
    return { candidates, stop };
  },
};
