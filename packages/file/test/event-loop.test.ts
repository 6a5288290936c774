import { readFileSync, statSync } from "node:fs";
import { FIELD_NAMES, keysOf, type TokenFields, type TokenRecord } from "@tokenkeep/core/backend";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { putLine } from "../dist/backend.js";
import { FileTokenStore } from "../dist/index.js";
import { encodeHeader, newHeader } from "../dist/log/header.js";
import { encodeLine } from "../dist/log/line.js";
import { linesOf, newPath, writePrivate } from "./helpers.js";

const COUNT = 10_000;
/** Other work runs at least this often: 128 KiB are read at a time, 64 KiB written. */
const BYTES_PER_TURN = 140_000;

const NO_FIELDS = Object.fromEntries(FIELD_NAMES.map((name) => [name, null])) as unknown as TokenFields;

function recordOf(n: number): TokenRecord {
  const token = { id: `id-${n}`, userName: `user-${n}`, clientId: "c", clientSecret: "s" };
  const tokens = { refreshToken: `r-${n} ${"x".repeat(100)}`, accessToken: `a-${n}`, expiresAt: 1 };
  const stored = { revision: 1, etag: `e-${n}`, createdAt: n, savedAt: n };
  return { ...NO_FIELDS, ...token, ...tokens, ...stored };
}

/** How often other work runs until `work` is done. */
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
    text = encodeHeader("tokens", newHeader(null));
    for (let n = 0; n < COUNT; n++) text += encodeLine(putLine("", recordOf(n), keysOf(recordOf(n)), null));
    // So much garbage that the next save is followed by a compaction.
    for (let n = 0; n < COUNT + 256; n++) text += encodeLine({ op: "remove", namespace: "", id: "none" });
  });

  it("is read in chunks, and again after it was changed", async () => {
    const path = newPath();
    writePrivate(path, text.slice(0, text.indexOf("\n", text.length / 2) + 1));
    await using store = new FileTokenStore(path);
    const turns = await turnsDuring(() => store.findTokenById("id-1"));
    expect(turns).toBeGreaterThan(text.length / 2 / BYTES_PER_TURN);
    writePrivate(path, text.slice(0, text.length / 2)); // In place: it has to be read again.
    expect(await turnsDuring(() => store.findTokenById("id-1"))).toBeGreaterThan(10);
  });

  it("opens in the end, even if that takes longer than one call may", async () => {
    const path = newPath();
    writePrivate(path, text);
    await using store = new FileTokenStore({ path, timeoutMs: 5 });
    await vi.waitFor(async () => expect(await store.findTokenById("id-1")).not.toBeNull(), {
      timeout: 20_000,
    });
  });

  it("is compacted while other work, finds and saves go on", async () => {
    const path = newPath();
    writePrivate(path, text);
    const { ino } = statSync(path);
    await using store = new FileTokenStore(path);
    await using other = new FileTokenStore(path);
    await other.getTokens();
    const kept = encodeLine(putLine("", recordOf(1), keysOf(recordOf(1)), null)).length * COUNT;
    let saves = 0;
    const turns = await turnsDuring(async () => {
      while (statSync(path).ino === ino) {
        await store.saveToken({ id: "id-1", accessToken: `changed-${saves++}` });
        expect(await store.findTokenById(`id-${saves}`)).not.toBeNull();
      }
    });
    expect(turns).toBeGreaterThan(kept / BYTES_PER_TURN);
    expect(saves).toBeGreaterThan(2);
    expect(linesOf(path).length).toBeLessThan(COUNT + 2 + saves);
    // The other store has read the old file. It does not read the same records again.
    const few = await turnsDuring(async () => {
      expect((await other.findTokenById("id-1"))?.accessToken).toBe(`changed-${saves - 1}`);
    });
    expect(few).toBeLessThan(kept / BYTES_PER_TURN / 4);
    await using again = new FileTokenStore(path);
    const [mine, fresh] = await Promise.all([other.getTokens(), again.getTokens()]);
    expect(mine.map((token) => token.toPlain())).toEqual(fresh.map((token) => token.toPlain()));
    expect(readFileSync(path, "utf8").split("\n")[0]).toMatch(/"lines":\d+,"size":\d+ *,"sum"/);
  });
});
