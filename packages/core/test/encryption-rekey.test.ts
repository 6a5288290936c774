import { describe, expect, it } from "vitest";
import { keysInUse, rekey, TokenStoreError, verify } from "../src/index.js";
import { Database, newKey, storeError, wholeToken } from "./encryption-stores.js";

const [old, next] = [newKey("old"), newKey("next")];

async function filled(keys = [old], count = 3): Promise<Database> {
  const database = new Database();
  const store = keys.length === 0 ? database.store() : database.store({ keys });
  for (let i = 0; i < count; i++) await store.saveToken(wholeToken(`user${i}`));
  return database;
}

describe("rekey", () => {
  it("seals every record with the first key, and leaves revisions and times alone", async () => {
    const database = await filled();
    await database.store({ keys: [old] }).saveToken({ id: "id-user1", accessToken: "second" });
    const before = (await database.store({ keys: [old] }).getTokens()).map((token) => token.toPlain());
    const store = database.store({ keys: [next, old] });
    const progress: unknown[] = [];
    const report = await rekey(store, { onProgress: (step) => void progress.push(step) });
    expect(report).toEqual({
      isComplete: true,
      records: 3,
      changed: 3,
      unreadable: [],
      inUse: { records: 3, keys: { next: 3 }, plaintext: 0, damaged: 0 },
      isCompacted: true,
    });
    expect(progress).toEqual([
      { pass: 1, records: 3, changed: 3 },
      { pass: 2, records: 3, changed: 3 },
    ]);
    expect(database.compactions).toBe(1);
    const after = (await database.store({ keys: [next] }).getTokens()).map((token) => token.toPlain());
    expect(after).toEqual(before);
    expect(await verify(database.store({ keys: [next] }))).toEqual({
      isComplete: true,
      records: 3,
      unreadable: [],
    });
  });

  it("changes nothing when it is run again", async () => {
    const database = await filled();
    const store = database.store({ keys: [next, old] });
    await rekey(store);
    const { writes } = database;
    expect(await rekey(store)).toMatchObject({ isComplete: true, changed: 0 });
    expect(database.writes).toBe(writes);
  });

  it("can be stopped, and goes on where it was", async () => {
    const database = await filled([old], 600);
    const store = database.store({ keys: [next, old] });
    const stop = new AbortController();
    const stopped = rekey(store, {
      signal: stop.signal,
      onProgress: ({ records }) => {
        if (records >= 256) stop.abort(new Error("enough"));
      },
    });
    await expect(stopped).rejects.toThrow("enough");
    expect((await keysInUse(store)).keys).toEqual({ next: 256, old: 344 });
    expect(await verify(store)).toMatchObject({ isComplete: false, records: 600 });
    expect(await rekey(store)).toMatchObject({ isComplete: true, changed: 344 });
  });

  it("tells of every few records, and waits for what onProgress returns", async () => {
    const database = await filled([old], 20);
    let isOver = true;
    const steps: (readonly number[])[] = [];
    await rekey(database.store({ keys: [next, old] }), {
      onProgress: async ({ pass, records, changed }) => {
        expect(isOver).toBe(true);
        isOver = false;
        await new Promise((resolve) => setTimeout(resolve, 5));
        steps.push([pass, records, changed]);
        isOver = true;
      },
    });
    expect(steps).toEqual([
      [1, 0, 8],
      [1, 0, 16],
      [1, 20, 20],
      [2, 20, 20],
    ]);
  });

  it("stops within a page, too", async () => {
    const database = await filled([old], 20);
    const store = database.store({ keys: [next, old] });
    const stop = new AbortController();
    const stopped = rekey(store, { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");
    expect((await keysInUse(store)).keys).toEqual({ next: 8, old: 12 });
  });

  it("encrypts a plaintext store, and decrypts it again", async () => {
    const database = await filled([]);
    await database.store().saveToken({ id: "looks-sealed", accessToken: "tokenkeep1:a:b:c:d" });
    const before = database.records.records().map(({ etag, ...record }) => record);
    const store = database.store({ keys: [next] });
    expect(await keysInUse(store)).toEqual({ records: 4, keys: {}, plaintext: 4, damaged: 0 });
    expect(await rekey(store)).toMatchObject({ isComplete: true, changed: 4 });
    expect(database.dump).not.toContain("refresh-token");
    expect(await database.store({ keys: [next], requireEncrypted: true }).getTokens()).toHaveLength(4);

    const opening = database.store({ keys: [{ ...next, seal: false }] });
    expect(await rekey(opening, { to: "plaintext" })).toMatchObject({
      isComplete: true,
      changed: 4,
      inUse: { keys: {}, plaintext: 4 },
    });
    database.records.remove("");
    expect(database.records.records().map(({ etag, ...record }) => record)).toEqual(before);
    expect(await database.store().getTokens()).toHaveLength(4);
  });

  it("leaves records that it can't open alone, and names them", async () => {
    const database = await filled();
    const value = database.stored("id-user1").idToken as string;
    database.tamper("id-user1", { idToken: `${value.slice(0, -5)}AAAAA` });
    const damaged = database.stored("id-user1");
    const store = database.store({ keys: [next, old] });
    const report = await rekey(store);
    expect(report).toMatchObject({ isComplete: false, changed: 2, isCompacted: false });
    expect(report.unreadable).toMatchObject([{ id: "id-user1", code: "ERR_CORRUPT", property: "idToken" }]);
    expect(report.inUse.keys).toEqual({ next: 2, old: 1 });
    expect(database.stored("id-user1")).toEqual(damaged);
    const without = await rekey(database.store({ keys: [next] }));
    expect(without.unreadable).toMatchObject([{ id: "id-user1", code: "ERR_KEY" }]);
  });

  it("counts a value that names no key as damaged", async () => {
    const database = await filled();
    database.tamper("id-user1", { idToken: "tokenkeep1:" });
    expect(await keysInUse(database.store())).toEqual({
      records: 3,
      keys: { old: 3 },
      plaintext: 0,
      damaged: 1,
    });
    expect(await rekey(database.store({ keys: [next, old] }))).toMatchObject({ isComplete: false });
  });

  it("loses no save that comes between its read and its write", async () => {
    const database = await filled();
    const running = database.store({ keys: [old, { ...next, seal: false }] });
    const store = database.store({ keys: [next, old] });
    // the first write of each record meets a save
    const put = database.records.put.bind(database.records);
    const met = new Set<string>();
    const saves: Promise<unknown>[] = [];
    let isSaving = false;
    database.records.put = (record, keys) => {
      if (record.accessToken?.startsWith("tokenkeep1:next") && !met.has(record.id) && !isSaving) {
        met.add(record.id);
        isSaving = true;
        saves.push(running.saveToken({ id: record.id, refreshToken: `rotated-${record.id}` }));
        isSaving = false;
      }
      return put(record, keys);
    };
    await rekey(store);
    await Promise.all(saves);
    await rekey(store);
    for (const { id, refreshToken } of await store.getTokens()) expect(refreshToken).toBe(`rotated-${id}`);
    expect(saves.length).toBe(3);
  });

  it("goes on when the backend is away for a while", async () => {
    const database = await filled();
    const store = database.store({ keys: [next, old] });
    await store.getTokens();
    const scan = database.records.scan.bind(database.records);
    let failures = 2;
    database.records.scan = (after, limit) => {
      if (failures-- > 0) throw new TokenStoreError("ERR_UNAVAILABLE", "away");
      return scan(after, limit);
    };
    expect(await rekey(store)).toMatchObject({ isComplete: true, changed: 3 });
  });

  it.each([
    ["a store without keys", undefined, {}],
    ["keys that only open", { keys: [{ ...old, seal: false }] }, {}],
    ["an unknown option", { keys: [next, old] }, { force: true }],
    ["another target", { keys: [next, old] }, { to: "next" }],
    ["plaintext where it is not allowed", { keys: [next, old], requireEncrypted: true }, { to: "plaintext" }],
  ])("refuses %s", async (_what, encryption, options) => {
    const database = await filled();
    const before = database.dump;
    const refused = rekey(database.store(encryption), options as never);
    await expect(refused).rejects.toMatchObject(storeError("ERR_INVALID_OPTIONS"));
    expect(database.dump).toBe(before);
  });

  it("refuses a store of somebody else", async () => {
    await expect(rekey({} as never)).rejects.toMatchObject(storeError("ERR_UNSUPPORTED"));
  });
});

describe("a rolling deploy", () => {
  /** Each step's options; old and new processes run side by side in each step. */
  const fromKeyToKey = [
    { keys: [old] },
    { keys: [old, { ...next, seal: false }] },
    { keys: [next, { ...old, seal: false }] },
    { keys: [next] },
  ];
  const fromPlaintext = [
    undefined,
    { keys: [{ ...next, seal: false }] },
    { keys: [next] },
    { keys: [next], requireEncrypted: true },
  ];
  const toPlaintext = [{ keys: [old] }, { keys: [{ ...old, seal: false }] }, undefined];

  it.each([
    ["from key to key", fromKeyToKey, 2, {}],
    ["from plaintext", fromPlaintext, 2, {}],
    ["to plaintext", toPlaintext, 1, { to: "plaintext" as const }],
  ])("%s: no process meets a record that it can't open", async (_what, steps, rekeyAt, options) => {
    const database = new Database();
    const exercise = async (stores: ReturnType<Database["store"]>[]) => {
      for (let round = 0; round < 3; round++) {
        for (const [index, store] of stores.entries()) {
          const tag = `${database.writes}-${index}`;
          await store.saveToken({ ...wholeToken(`${tag}-shared`), id: "shared" });
          await store.saveToken(wholeToken(tag));
          for (const reader of stores) {
            expect((await reader.findTokenById("shared"))?.refreshToken).toBe(`refresh-token-${tag}-shared`);
            expect((await reader.getTokens()).length).toBeGreaterThan(0);
          }
        }
      }
    };
    for (let step = 0; step < steps.length; step++) {
      const now = database.store(steps[step]);
      // new processes start while those of the step before still run
      const before = step === 0 ? now : database.store(steps[step - 1]);
      await exercise([before, now, database.store(steps[step])]);
      if (step !== rekeyAt) continue;
      await exercise([now]);
      expect(await rekey(database.store(steps[step]), options)).toMatchObject({ isComplete: true });
    }
  });

  it("refuses a process with other bytes under the new key's id, whatever the step", async () => {
    const database = await filled();
    const wrong = newKey("next");
    const seals = database.store({ keys: [next, { ...old, seal: false }] });
    await seals.saveToken(wholeToken("new"));
    for (const keys of [[old, { ...wrong, seal: false }], [wrong, old], [wrong]]) {
      await expect(database.store({ keys }).getTokens()).rejects.toMatchObject(storeError("ERR_KEY"));
    }
  });
});
