import { randomUUID } from "node:crypto";
import KeyvRedis from "@keyv/redis";
import { RedisSessionStorage } from "@shopify/shopify-app-session-storage-redis";
import { opaqueKey, type TokenInput } from "@tokenkeep/core";
import { RedisTokenStore } from "@tokenkeep/redis";
import { startServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import Keyv from "keyv";
import { fill, keyvKey, sessionId, sessionOf } from "../peers.js";
import type { Bench, Subject } from "../subject.js";
import { queryOf, refreshOf, tokenOf, tokenQueryOf } from "../tokens.js";

const OURS = "@tokenkeep/redis";
const DRIVER = "ioredis";
const PEERS = ["@keyv/redis", "Shopify's session storage"] as const;

/** The store beside ioredis alone, keyv and Shopify's session storage, on one server. */
export const redisBench: Bench = {
  backend: "Redis",
  targets: [
    { job: "find", against: DRIVER, times: 0.9 },
    { job: "save", against: DRIVER, times: 0.8 },
    ...PEERS.map((against) => ({ job: "find" as const, against, times: 1 })),
  ],
  notes: [
    "Find is by user and client: the record of the user with this client, else the one with none. ioredis asks for both in one plain command, and makes a digest for each. The store asks so for a user it has not found before; here it has, and asks for the record with this client alone, by a digest that it kept. keyv and Shopify's storage get one key whose name they are told.",
    "Save changes the access token, of a record that was found or saved within ten seconds. The store knows it still, and only writes, on condition that it is unchanged. ioredis reads the record and writes it on the same condition. Both see to it that its user and tokens are no other record's, and keep the same lookups and lists.",
    "By refresh token alone, a find is a script that looks in two places, and a save reads first, as does any save of a record that the store has not seen within ten seconds.",
    "keyv overwrites one key, unread, with no index. Shopify's storage overwrites one key and reads the list of the shop's sessions. Of two saves at once either loses one, and finds by one name only: so they save faster.",
    "With many callers the store sends the calls of one turn of the event loop as one request, keyv and Shopify's storage (on node-redis) in one write, ioredis each by itself.",
    "With one caller all finds cost about the same: nearly all of it is the way to the server and back. Beside it the store checks what it is given and what it finds, and waits under a time limit.",
  ],
  async start(sizes) {
    const server = await startServer("redis");
    const admin = new Redis(server.url);
    const version = /^redis_version:(\S+)/m.exec(await admin.info("server"))?.[1];
    const [, appendOnly] = (await admin.config("GET", "appendonly")) as string[];
    const durability = `in the server's memory (appendonly ${appendOnly})`;
    const kept: Kept[] = [];
    for (const size of sizes) {
      const subjects = [ours, driver, keyv, shopify];
      if (size === sizes[0]) subjects.push(oursByToken);
      for (const open of subjects) {
        const subject = open(server.url, size, durability);
        kept.push(subject);
        await fill(size, (i) => subject.save(i, 0), 500);
        const found = [0, size >> 1, size - 1].map((i) => subject.find(i));
        if (!(await Promise.all(found)).every(Boolean)) throw new Error(`${subject.name} lacks a token.`);
      }
    }
    admin.disconnect();
    return {
      subjects: kept,
      server: `Redis ${version}`,
      async stop() {
        for (const subject of kept) await subject.close();
        await server.stop();
      },
    };
  },
};

interface Kept extends Subject {
  find(i: number): Promise<unknown>;
  save(i: number, version: number): Promise<unknown>;
  close(): Promise<unknown>;
}

function ours(url: string, size: number, durability: string): Kept {
  const store = new RedisTokenStore({ url, namespace: `bench-${size}` });
  return {
    name: OURS,
    kind: "ours",
    size,
    durability,
    find: (i) => store.findToken(queryOf(i)),
    save: (i, version) => store.saveToken(tokenOf(i, version)),
    close: () => store.close(),
  };
}

function oursByToken(url: string, size: number, durability: string): Kept {
  const store = new RedisTokenStore({ url, namespace: `bench-by-token-${size}` });
  return {
    name: `${OURS}, by refresh token`,
    kind: "ours otherwise",
    size,
    durability,
    find: (i) => store.findToken(tokenQueryOf(i)),
    save: (i, version) => store.saveToken(version === 0 ? tokenOf(i) : refreshOf(i, version)),
    close: () => store.close(),
  };
}

// The same fields, the same lookup and the same indexes: found in one plain command, and written on condition by a
// script. A record is under the key of its user and client, and everything else leads there.
function driver(url: string, size: number, durability: string): Kept {
  const client = new Redis(url);
  const key = (part: string) => `{bare-${size}}:${part}`;
  // ARGV: where, what was read there or '', what to write, the lookup that is given up, when it was made, the id, the
  // user, the lookups that are one record's alone
  client.defineCommand("writeRecord", {
    numberOfKeys: 4,
    lua: `local records, index, users, order = unpack(KEYS)
      local place, old, new, gone, created, id, user = unpack(ARGV, 1, 7)
      if (redis.call('HGET', records, place) or '') ~= old then return 0 end
      local entries = {}
      for i, holder in ipairs(redis.call('HMGET', index, unpack(ARGV, 6))) do
        if holder ~= place then
          if holder and i ~= 2 then return 0 end
          entries[#entries + 1] = ARGV[5 + i]
          entries[#entries + 1] = place
        end
      end
      if old == '' then
        redis.call('ZADD', order, created, id)
        redis.call('ZADD', users, 0, user .. ':' .. place)
      elseif gone ~= '' then
        redis.call('HDEL', index, gone)
      end
      redis.call('HSET', records, place, new)
      if #entries > 0 then redis.call('HSET', index, unpack(entries)) end
      return 1`,
  });
  const scripts = client as unknown as { writeRecord(...args: (string | number)[]): Promise<number> };
  const placeOf = (name: string, clientId?: string | null) => opaqueKey("user", name, clientId ?? null);
  const fetch = async (token: TokenInput & { userSignature: { name: string } }) => {
    const { userSignature, clientId } = token;
    const places = [placeOf(userSignature.name, clientId), placeOf(userSignature.name)];
    const [withClient, withNone] = await client.hmget(key("records"), ...places);
    return withClient ?? withNone ?? null;
  };
  const save = async (i: number, version: number) => {
    const token = tokenOf(i, version);
    const old = await fetch(token);
    const before = old === null ? undefined : JSON.parse(old);
    const now = Date.now();
    const id: string = before?.id ?? randomUUID();
    const createdAt: number = before?.createdAt ?? now;
    const record = { ...before, ...token, id, etag: randomUUID(), createdAt, savedAt: now };
    const { userSignature, clientId, refreshToken = null, accessToken = null } = token;
    const done = await scripts.writeRecord(
      ...["records", "index", "users", "order"].map(key),
      placeOf(userSignature.name, clientId),
      old ?? "",
      JSON.stringify(record),
      before === undefined || before.accessToken === accessToken
        ? ""
        : opaqueKey("access", before.accessToken),
      createdAt,
      `:${id}`,
      opaqueKey("all of a user", userSignature.name),
      opaqueKey("refresh", refreshToken),
      opaqueKey("access", accessToken),
    );
    if (done !== 1) throw new Error("Another save came between.");
    return record;
  };
  return {
    name: DRIVER,
    kind: "driver",
    size,
    durability,
    find: async (i) => JSON.parse((await fetch(queryOf(i))) ?? "null"),
    save,
    close: async () => client.disconnect(),
  };
}

function keyv(url: string, size: number, durability: string): Kept {
  const store = new Keyv(new KeyvRedis(url), { namespace: `bench-keyv-${size}` });
  return {
    name: PEERS[0],
    kind: "peer",
    size,
    durability,
    find: (i) => store.get(keyvKey(i)),
    save: (i, version) => store.set(keyvKey(i), tokenOf(i, version)),
    close: () => store.disconnect(),
  };
}

function shopify(url: string, size: number, durability: string): Kept {
  const storage = new RedisSessionStorage(url, { sessionKeyPrefix: `bench-shopify-${size}` });
  return {
    name: PEERS[1],
    kind: "peer",
    size,
    durability,
    find: (i) => storage.loadSession(sessionId(i)),
    save: (i, version) => storage.storeSession(sessionOf(i, version)),
    close: () => storage.disconnect(),
  };
}
