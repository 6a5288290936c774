import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { type Contender, type GroupResult, measure } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";
import { zohoFileStore } from "../zoho-file-store.js";

/** Our file beside the SDK's, at 100 and 10,000 tokens. */
export async function benchFile(): Promise<GroupResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
  const finds: Contender[] = [];
  const saves: Contender[] = [];
  const open: FileTokenStore[] = [];
  try {
    for (const size of [100, 10_000]) {
      const records = `${size.toLocaleString("en")} tokens`;
      const theirs = zohoFileStore(join(folder, `sdk-${size}.csv`), size);
      const store = new FileTokenStore(join(folder, `tokens-${size}.jsonl`));
      open.push(store);
      // at once, so that they share their flushes
      await Promise.all(Array.from({ length: size }, (_, i) => store.saveToken(tokenOf(i))));
      finds.push(
        { name: `SDK's FileStore, ${records}`, run: (i) => theirs.find(someOf(size, i)) },
        { name: `store, ${records}`, run: (i) => store.findToken(queryOf(someOf(size, i))) },
      );
      saves.push(
        {
          name: `SDK's FileStore, ${records}`,
          durability: "no fsync; a crash can cut the file off",
          run: (i) => theirs.save(someOf(size, i), i),
        },
        {
          name: `store, ${records}`,
          durability: "fdatasync",
          run: (i) => store.saveToken(tokenOf(someOf(size, i), i)),
        },
      );
    }
    const many = (times: number) => ({
      contender: "store, 10,000 tokens",
      against: "SDK's FileStore, 10,000 tokens",
      times,
    });
    return [
      await measure({
        title: "Find by user and client, file",
        contenders: finds,
        operations: 100,
        targets: [many(100)],
      }),
      await measure({
        title: "Save a changed access token, file",
        contenders: saves,
        operations: 50,
        targets: [
          many(10),
          // at most 1.3 times the cost
          { contender: "store, 10,000 tokens", against: "store, 100 tokens", times: 1 / 1.3 },
        ],
      }),
    ];
  } finally {
    for (const store of open) await store.close();
    rmSync(folder, { recursive: true });
  }
}
