import { readFileSync, statSync } from "node:fs";
import type { TokenRecord } from "@tokenkeep/core";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeHead, newHead } from "../dist/head.js";
import { FileTokenStore } from "../dist/index.js";
import { encodeLine } from "../dist/line.js";
import { putLine } from "../dist/token-state.js";
import { linesOf, newPath, writeLog } from "./helpers.js";

const COUNT = 10_000;
/** Others get a turn at least this often: a piece that is read is 128 KiB, one that is written 64 KiB. */
const BYTES_A_TURN = 140_000;

function recordOf(n: number): TokenRecord {
  const id = `id-${n}`;
  const token = { refreshToken: `r-${n} ${"x".repeat(100)}`, accessToken: `a-${n}`, grantToken: null };
  const client = { clientId: "c", clientSecret: "s", redirectUrl: null, apiDomain: null };
  const stored = { revision: 1, etag: `e-${n}`, createdAt: n, savedAt: n, expiresAt: 1 };
  return { id, userName: `user-${n}`, ...token, ...client, ...stored };
}

/** How many turns of the event loop others get until `work` is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

describe("a big file", () => {
  let text: string;

  beforeAll(() => {
    text = encodeHead("tokens", newHead(null));
    for (let n = 0; n < COUNT; n++) text += encodeLine(putLine("", recordOf(n), null));
    // as much garbage as makes the next save one that a compaction follows
    for (let n = 0; n < COUNT + 256; n++) text += encodeLine({ op: "remove", namespace: "", id: "none" });
  });

  it("is read in pieces, and so is what others appended", async () => {
    const path = newPath();
    writeLog(path, text.slice(0, text.indexOf("\n", text.length / 2) + 1));
    await using store = new FileTokenStore(path);
    const turns = await turnsDuring(() => store.findTokenById("id-1"));
    expect(turns).toBeGreaterThan(text.length / 2 / BYTES_A_TURN);
    writeLog(path, text.slice(0, text.length / 2)); // in place: it has to be read anew
    expect(await turnsDuring(() => store.findTokenById("id-1"))).toBeGreaterThan(10);
  });

  it("opens in the end, where that takes longer than one call may take", async () => {
    const path = newPath();
    writeLog(path, text);
    await using store = new FileTokenStore({ path, timeoutMs: 5 });
    await vi.waitFor(async () => expect(await store.findTokenById("id-1")).not.toBeNull(), {
      timeout: 20_000,
    });
  });

  it("is compacted while others get their turns, finds their answers, and saves go on", async () => {
    const path = newPath();
    writeLog(path, text);
    const { ino } = statSync(path);
    await using store = new FileTokenStore(path);
    await using other = new FileTokenStore(path);
    await other.getTokens();
    const kept = encodeLine(putLine("", recordOf(1), null)).length * COUNT;
    let saves = 0;
    const turns = await turnsDuring(async () => {
      while (statSync(path).ino === ino) {
        await store.saveToken({ id: "id-1", accessToken: `changed-${saves++}` });
        expect(await store.findTokenById(`id-${saves}`)).not.toBeNull();
      }
    });
    expect(turns).toBeGreaterThan(kept / BYTES_A_TURN);
    expect(saves).toBeGreaterThan(2);
    expect(linesOf(path).length).toBeLessThan(COUNT + 2 + saves);
    // the other has all that the new file is made of: it need not read that again
    const few = await turnsDuring(async () => {
      expect((await other.findTokenById("id-1"))?.accessToken).toBe(`changed-${saves - 1}`);
    });
    expect(few).toBeLessThan(kept / BYTES_A_TURN / 4);
    await using again = new FileTokenStore(path);
    const [mine, fresh] = await Promise.all([other.getTokens(), again.getTokens()]);
    expect(mine.map((token) => token.toPlain())).toEqual(fresh.map((token) => token.toPlain()));
    expect(readFileSync(path, "utf8").split("\n")[0]).toMatch(/"lines":\d+,"size":\d+ *,"sum"/);
  });
});
