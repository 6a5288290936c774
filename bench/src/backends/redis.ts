import { randomUUID } from "node:crypto";
import KeyvRedis from "@keyv/redis";
import { RedisSessionStorage } from "@shopify/shopify-app-session-storage-redis";
import { opaqueKey } from "@tokenkeep/core/backend";
import { RedisTokenStore } from "@tokenkeep/redis";
import { startServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import Keyv from "keyv";
import { fill, keyvCandidate, LARGEST, shopifyCandidate } from "../alternatives.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { serverTargets } from "../targets.js";
import { changesOf, ENCRYPTION, queryOf, tokenOf } from "../tokens.js";

const OURS = "@tokenkeep/redis";
const ENCRYPTED = `${OURS}, encrypted`;
const DRIVER = "ioredis";

export const bench: Bench = {
  targets: serverTargets({ ours: OURS, encrypted: ENCRYPTED, driver: DRIVER, keyv: "@keyv/redis" }),
  notes: [
    "ioredis alone finds through an index in a script, as the store does, and writes on condition that the record did not change and that user and token values stay unique. Both use auto-pipelining.",
    "keyv and Shopify's storage read one key whose name they are told, and overwrite it, unread. Of two concurrent saves, either loses one.",
  ],
  async start(sizes) {
    const server = await startServer("redis");
    const admin = new Redis(server.url);
    const version = /^redis_version:(\S+)/m.exec(await admin.info("server"))?.[1];
    const [, appendOnly] = (await admin.config("GET", "appendonly")) as string[];
    const durability = `in the server's memory (appendonly ${appendOnly})`;
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      const namespace = `bench-${size}`;
      const before = await usedMemory(admin);
      const store = new RedisTokenStore({ url: server.url, namespace, clientOptions: PIPELINED });
      const filled = await storeCandidate({ name: OURS, size, durability }, store);
      const bytes = (await usedMemory(admin)) - before;
      candidates.push({ ...filled, bytes: async () => bytes }, await bare(server.url, size, durability));
      if (size > LARGEST) continue;
      const sealed = new RedisTokenStore({
        url: server.url,
        namespace: `${namespace}-sealed`,
        encryption: ENCRYPTION,
        clientOptions: PIPELINED,
      });
      const keyv = new Keyv(new KeyvRedis(server.url), { namespace: `keyv-${size}` });
      const storage = new RedisSessionStorage(server.url, { sessionKeyPrefix: `shopify-${size}` });
      candidates.push(
        await storeCandidate({ name: ENCRYPTED, kind: "variant", size, durability }, sealed),
        await keyvCandidate({ name: "@keyv/redis", size, durability }, keyv),
        await shopifyCandidate({ size, durability }, storage, () => storage.disconnect()),
      );
    }
    admin.disconnect();
    return {
      candidates,
      server: `Redis ${version}`,
      async stop() {
        for (const { close } of candidates) await close?.();
        await server.stop();
      },
    };
  },
};

const PIPELINED = { enableAutoPipelining: true };

async function usedMemory(admin: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1]);
}

// KEYS: records, index. ARGV: the user's key.
const FIND = `local id = redis.call('HGET', KEYS[2], ARGV[1])
return id and redis.call('HGET', KEYS[1], id)`;

// KEYS: records, index. ARGV: id, etag that the record must have or '', record, new etag, keys that are its own from now on.
const WRITE = `local id, old, record, etag = unpack(ARGV, 1, 4)
local stored = redis.call('HGET', KEYS[1], id)
if (stored and string.sub(stored, 1, 36) or '') ~= old then return 0 end
local entries = {}
for i = 5, #ARGV do
  local holder = redis.call('HGET', KEYS[2], ARGV[i])
  if holder and holder ~= id then return 0 end
  entries[#entries + 1] = ARGV[i]
  entries[#entries + 1] = id
end
redis.call('HSET', KEYS[1], id, etag .. record)
redis.call('HSET', KEYS[2], unpack(entries))
return 1`;

type Stored = ReturnType<typeof tokenOf> & { id: string; etag: string; revision: number };

async function bare(url: string, size: number, durability: string): Promise<Candidate> {
  const client = new Redis(url, PIPELINED);
  client.defineCommand("findRecord", { numberOfKeys: 2, lua: FIND });
  client.defineCommand("writeRecord", { numberOfKeys: 2, lua: WRITE });
  const scripts = client as unknown as Record<
    "findRecord" | "writeRecord",
    (...args: string[]) => Promise<unknown>
  >;
  const keys = [`{bare-${size}}:records`, `{bare-${size}}:index`];
  const copies: Stored[] = [];
  const userKey = (i: number) => {
    const { userSignature, clientId } = queryOf(i);
    return opaqueKey("user", userSignature.name, String(clientId));
  };
  const find = async (i: number): Promise<Stored> => {
    const text = (await scripts.findRecord(...keys, userKey(i))) as string;
    return { ...JSON.parse(text.slice(36)), etag: text.slice(0, 36) };
  };
  const write = async (i: number, next: Stored, old: string): Promise<boolean> => {
    const { etag, ...record } = next;
    const digests = [
      opaqueKey("refresh", String(next.refreshToken)),
      opaqueKey("access", String(next.accessToken)),
    ];
    const args = [next.id, old, JSON.stringify(record), etag, userKey(i), ...digests];
    const isWritten = (await scripts.writeRecord(...keys, ...args)) === 1;
    if (isWritten) copies[i] = next;
    return isWritten;
  };
  const change = (i: number, version: number, stored: Stored) => {
    const next = { ...stored, ...changesOf(i, version), etag: randomUUID(), revision: stored.revision + 1 };
    return write(i, next, stored.etag);
  };
  const save = async (i: number, version: number) => {
    while (!(await change(i, version, await find(i)))) {}
  };
  await fill(size, (i) => write(i, { ...tokenOf(i), id: randomUUID(), etag: randomUUID(), revision: 1 }, ""));
  return {
    name: DRIVER,
    kind: "driver",
    size,
    durability,
    jobs: {
      find,
      save,
      "save a copy": async (i, version) => {
        if (!(await change(i, version, copies[i]!))) await save(i, version);
      },
    },
    close: () => client.disconnect(),
  };
}
