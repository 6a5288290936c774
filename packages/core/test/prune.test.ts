import { expect, it } from "vitest";
import { BaseTokenStore, type TokenRecord } from "../src/for-backends.js";
import { pruneTokens } from "../src/index.js";
import { FakeBackend } from "./fake-backend.js";
import { recordOf } from "./records.js";

const DAY = 86_400_000;
const now = Date.now();
const old = { createdAt: now - 100 * DAY, savedAt: now - 50 * DAY };

function storeOf(...records: (Partial<TokenRecord> & { id: string })[]): [BaseTokenStore, FakeBackend] {
  const backend = new FakeBackend();
  backend.records = records.map((fields) =>
    recordOf({ etag: fields.id, createdAt: now, savedAt: now, ...fields }),
  );
  return [new BaseTokenStore(backend), backend];
}
const idsOf = (backend: FakeBackend) => backend.records.map(({ id }) => id);

it("removes what is idle, old, or of no more use, and nothing else", async () => {
  const records = [
    { id: "fresh", refreshToken: "a" },
    { id: "idle", refreshToken: "b", ...old },
    { id: "expired", accessToken: "c", expiresAt: now - 1 },
    { id: "refreshable", accessToken: "d", expiresAt: now - 1, refreshToken: "e" },
    { id: "lapsed", refreshToken: "f", refreshTokenExpiresAt: now - 1 },
    { id: "old but used", refreshToken: "g", createdAt: old.createdAt },
  ];
  for (const [options, removed] of [
    [{ idleMs: 30 * DAY }, ["idle"]],
    [{ ageMs: 60 * DAY }, ["idle", "old but used"]],
    [{ expired: true }, ["expired", "lapsed"]],
  ] as const) {
    const [store, backend] = storeOf(...records);
    const dry = await pruneTokens(store, { ...options, dryRun: true });
    expect(dry).toEqual({ read: 6, removed: removed.length, kept: 0 });
    expect(idsOf(backend)).toHaveLength(6);
    await pruneTokens(store, options);
    expect(idsOf(backend)).toEqual(
      records.map(({ id }) => id).filter((id) => !(removed as readonly string[]).includes(id)),
    );
  }
});

it("waits for what onPrune returns before it removes the next one", async () => {
  const [store, backend] = storeOf(
    { id: "a", refreshToken: "a", ...old },
    { id: "b", refreshToken: "b", ...old },
  );
  const left: string[][] = [];
  const onPrune = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    left.push(idsOf(backend));
  };
  expect(await pruneTokens(store, { idleMs: DAY, onPrune })).toMatchObject({ removed: 2 });
  expect(left).toEqual([["b"], []]);
});

it("keeps a token that was saved after it was read", async () => {
  const [store, backend] = storeOf({ id: "a", refreshToken: "r", ...old });
  const scan = backend.scan.bind(backend);
  backend.scan = async () => {
    const page = await scan();
    await store.saveToken({ id: "a", accessToken: "new" });
    return page;
  };
  expect(await pruneTokens(store, { idleMs: DAY })).toEqual({ read: 1, removed: 0, kept: 1 });
  expect(idsOf(backend)).toEqual(["a"]);
});

it.each([[{}], [undefined], [{ idle: 5 }], [{ idleMs: -1 }], [{ idleMs: "90d" }]])(
  "refuses %j",
  async (options) => {
    const [store] = storeOf();
    await expect(pruneTokens(store, options as never)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  },
);
