import { randomUUID } from "node:crypto";
import KeyvRedis from "@keyv/redis";
import { Session } from "@shopify/shopify-api";
import { RedisSessionStorage } from "@shopify/shopify-app-session-storage-redis";
import { opaqueKey, type TokenInput } from "@tokenkeep/core";
import { RedisTokenStore } from "@tokenkeep/redis";
import { startServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import Keyv from "keyv";
import { type Contender, type GroupResult, measure } from "../harness.js";
import { someOf, tokenOf } from "../tokens.js";

const SIZES = [100, 100_000];
const CALLERS = [1, 50];
const CHECKED = "atomic: version checked, values unique";
const BLIND = "overwrites what is there, one key, no index";

interface Rival {
  readonly name: string;
  readonly writes: string;
  find(i: number): Promise<unknown>;
  save(i: number, version: number): Promise<unknown>;
  fill(size: number): Promise<void>;
  close(): Promise<unknown>;
}

/** The store beside ioredis alone, keyv and Shopify's session storage, on one server. */
export async function benchRedis(): Promise<GroupResult[]> {
  const server = await startServer("redis");
  const rivals: Rival[] = [];
  try {
    for (const size of SIZES) {
      const records = `${size.toLocaleString("en")} records`;
      rivals.push(await bareDriver(server.url, size, records), storeRival(server.url, size, records));
      for (const rival of rivals.slice(-2)) await rival.fill(size);
    }
    const peers = [keyvRival(server.url), shopifyRival(server.url)];
    for (const peer of peers) await peer.fill(SIZES[0]!);
    rivals.push(...peers);
    return await compare(rivals);
  } finally {
    for (const rival of rivals) await rival.close();
    await server.stop();
  }
}

async function compare(rivals: readonly Rival[]): Promise<GroupResult[]> {
  const sizeOf = (rival: Rival) =>
    SIZES.find((size) => rival.name.includes(` ${size.toLocaleString("en")} `));
  const contenders = (job: (rival: Rival, i: number) => unknown, withWrites: boolean): Contender[] =>
    rivals.map((rival) => ({
      name: rival.name,
      ...(withWrites ? { durability: rival.writes } : {}),
      run: (i) => job(rival, i),
    }));
  const finds = contenders((rival, i) => rival.find(someOf(sizeOf(rival) ?? SIZES[0]!, i)), false);
  const saves = contenders((rival, i) => rival.save(someOf(sizeOf(rival) ?? SIZES[0]!, i), i), true);
  const [few, many] = SIZES.map((size) => size.toLocaleString("en"));
  const targets = (times: number) => [
    { contender: `store, ${few} records`, against: `ioredis, ${few} records`, times },
    { contender: `store, ${many} records`, against: `ioredis, ${many} records`, times },
    // at most 1.3 times the cost
    { contender: `store, ${many} records`, against: `store, ${few} records`, times: 1 / 1.3 },
  ];
  const peers = ["keyv", "shopify"].map((against) => ({
    contender: `store, ${few} records`,
    against,
    times: 1,
  }));
  const results: GroupResult[] = [];
  for (const callers of CALLERS) {
    const operations = callers === 1 ? 1500 : 5000;
    results.push(
      await measure({
        title: "Find by user and client, Redis",
        contenders: finds,
        operations,
        callers,
        targets: [...targets(0.9), ...peers],
      }),
      await measure({
        title: "Save a changed access token, Redis",
        contenders: saves,
        operations,
        callers,
        targets: targets(0.8),
      }),
    );
  }
  return results;
}

/** All at once would be one queue of 100,000 calls. */
async function inTurns(size: number, save: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < size; i += 100) {
    await Promise.all(Array.from({ length: Math.min(100, size - i) }, (_, j) => save(i + j)));
  }
}

function queryOf(i: number): TokenInput {
  const { userSignature, clientId } = tokenOf(i);
  return { userSignature, ...(clientId === undefined ? {} : { clientId }) };
}

function storeRival(url: string, size: number, records: string): Rival {
  const store = new RedisTokenStore({ url, namespace: `bench-${size}` });
  const save = (i: number, version: number) => store.saveToken(tokenOf(i, version));
  return {
    name: `store, ${records}`,
    writes: CHECKED,
    find: (i) => store.findToken(queryOf(i)),
    save,
    fill: (count) => inTurns(count, (i) => save(i, 0)),
    close: () => store.close(),
  };
}

// The same fields and the same indexes, found in one call and written on condition in another.
async function bareDriver(url: string, size: number, records: string): Promise<Rival> {
  const client = new Redis(url);
  const keys = [`{bare-${size}}:records`, `{bare-${size}}:index`];
  const load = async (script: string) => String(await client.script("LOAD", script));
  const found = await load(`local id = redis.call('HGET', KEYS[2], ARGV[1])
    return id and redis.call('HGET', KEYS[1], id)`);
  const written = await load(`local old = redis.call('HGET', KEYS[1], ARGV[1])
    if (old or '') ~= ARGV[2] then return 0 end
    for i = 5, #ARGV do
      local holder = redis.call('HGET', KEYS[2], ARGV[i])
      if holder and holder ~= ARGV[1] then return 0 end
    end
    if ARGV[4] ~= '' then redis.call('HDEL', KEYS[2], ARGV[4]) end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    for i = 5, #ARGV do redis.call('HSET', KEYS[2], ARGV[i], ARGV[1]) end
    return 1`);
  const lookup = (i: number) => opaqueKey("user", tokenOf(i).userSignature.name, tokenOf(i).clientId ?? null);
  const fetch = (i: number) => client.evalsha(found, 2, ...keys, lookup(i)) as Promise<string | null>;
  const save = async (i: number, version: number) => {
    const token = tokenOf(i, version);
    const old = await fetch(i);
    const before = old === null ? undefined : JSON.parse(old);
    const id: string = before?.id ?? randomUUID();
    const now = Date.now();
    const record = {
      ...before,
      ...token,
      id,
      etag: randomUUID(),
      createdAt: before?.createdAt ?? now,
      savedAt: now,
    };
    const index = [
      lookup(i),
      opaqueKey("refresh", token.refreshToken ?? null),
      opaqueKey("access", token.accessToken ?? null),
    ];
    const gone = before === undefined ? "" : opaqueKey("access", before.accessToken);
    const args = [id, old ?? "", JSON.stringify(record), gone, ...index];
    if ((await client.evalsha(written, 2, ...keys, ...args)) !== 1)
      throw new Error("A race that is not part of this.");
    return record;
  };
  return {
    name: `ioredis, ${records}`,
    writes: CHECKED,
    find: async (i) => JSON.parse((await fetch(i)) ?? "null"),
    save: (i, version) => save(i, version).catch(() => save(i, version)),
    fill: (count) => inTurns(count, (i) => save(i, 0)),
    close: async () => client.disconnect(),
  };
}

function keyvRival(url: string): Rival {
  const keyv = new Keyv(new KeyvRedis(url), { namespace: "bench-keyv" });
  const keyOf = (i: number) => `${tokenOf(i).userSignature.name}:${tokenOf(i).clientId}`;
  const save = (i: number, version: number) => keyv.set(keyOf(i), tokenOf(i, version));
  return {
    name: "keyv",
    writes: BLIND,
    find: (i) => keyv.get(keyOf(i)),
    save,
    fill: (count) => inTurns(count, (i) => save(i, 0)),
    close: () => keyv.disconnect(),
  };
}

function shopifyRival(url: string): Rival {
  const storage = new RedisSessionStorage(url, { sessionKeyPrefix: "bench-shopify" });
  const save = (i: number, version: number) => {
    const { accessToken = "", refreshToken = "", expiresAt } = tokenOf(i, version);
    const session = new Session({
      id: `session-${i}`,
      shop: `shop${i}.myshopify.com`,
      state: "0123456789abcdef0123456789abcdef",
      isOnline: false,
      scope: "read_products,write_products",
      accessToken: accessToken ?? "",
      refreshToken: refreshToken ?? "",
      expires: new Date(expiresAt ?? 0),
    });
    return storage.storeSession(session);
  };
  return {
    name: "shopify",
    writes: `${BLIND}, and a list of the shop's sessions`,
    find: (i) => storage.loadSession(`session-${i}`),
    save,
    fill: (count) => inTurns(count, (i) => save(i, 0)),
    close: () => storage.disconnect(),
  };
}
