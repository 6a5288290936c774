import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { type GroupResult, measure } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";
import { zohoFileStore } from "../zoho-file-store.js";

/** The store that comes with Zoho's SDK, and ours for one machine, at the same number of tokens. */
export async function benchZohoFile(): Promise<GroupResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
  const results: GroupResult[] = [];
  try {
    for (const size of [100, 10_000]) {
      const theirs = zohoFileStore(join(folder, `sdk-${size}.csv`), size);
      const sqlite = new SqliteTokenStore(join(folder, `sqlite-${size}.db`));
      const memory = new MemoryTokenStore();
      for (let i = 0; i < size; i++) {
        await memory.saveToken(tokenOf(i));
        await sqlite.saveToken(tokenOf(i));
      }
      const ours: [string, string, TokenStore][] = [
        ["sqlite", "committed, synchronous=FULL", sqlite],
        ["memory", "none: gone with the process", memory],
      ];
      const title = `beside the SDK's FileStore, ${size.toLocaleString("en")} tokens`;
      results.push(
        await measure({
          title: `Find ${title}`,
          operations: 100,
          rounds: 5,
          contenders: [
            { name: "SDK's FileStore", run: (i) => theirs.find(someOf(size, i)) },
            ...ours.map(([name, , store]) => ({
              name,
              run: (i: number) => store.findToken(queryOf(someOf(size, i))),
            })),
          ],
        }),
        await measure({
          title: `Save ${title}`,
          operations: 50,
          rounds: 5,
          contenders: [
            {
              name: "SDK's FileStore",
              durability: "no fsync; a crash can cut the file off",
              run: (i) => theirs.save(someOf(size, i), i),
            },
            ...ours.map(([name, durability, store]) => ({
              name,
              durability,
              run: (i: number) => store.saveToken(tokenOf(someOf(size, i), i)),
            })),
          ],
        }),
      );
      await sqlite.close();
      await memory.close();
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
