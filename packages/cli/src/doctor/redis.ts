import type { RedisKeys } from "@tokenkeep/redis";
import { importFromProject } from "../project.js";
import type { OpenStore } from "../store-url.js";
import { checkClock, type Finding, finding } from "./findings.js";
import { nameSome } from "./records.js";

/** The used part of ioredis. */
interface Redis {
  on(event: "error", listener: () => void): void;
  connect(): Promise<void>;
  disconnect(): void;
  info(section: string): Promise<string>;
  time(): Promise<(number | string)[]>;
  config(command: "GET", name: string): Promise<string[]>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  pttl(key: string): Promise<number>;
  hget(key: string, field: string): Promise<string | null>;
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>;
  hscan(key: string, cursor: string, count: "COUNT", number: number): Promise<[string, string[]]>;
  zrangebylex(key: string, from: string, to: string, ...limit: (string | number)[]): Promise<string[]>;
}

type RedisClass = new (url: string, options: object) => Redis;

/** How much of its memory a server may use, in percent. */
const FULL = 90;
const PAGE = 256;

/** Checks a Redis or Valkey: settings that lose data, rights, and the index of the store. */
export async function checkRedis({ url, namespace }: OpenStore): Promise<Finding[]> {
  const { Redis } = await importFromProject<{ Redis: RedisClass }>("ioredis");
  const { redisKeys } = await importFromProject<typeof import("@tokenkeep/redis")>("@tokenkeep/redis");
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: 5000,
    commandTimeout: 10_000,
  });
  client.on("error", () => {}); // connect() rejects with it too
  try {
    await client.connect();
    const [seconds, micros] = (await client.time()).map(Number);
    const keys = redisKeys(namespace);
    return [
      ...checkClock(seconds! * 1000 + micros! / 1000),
      ...(await checkRights(client, keys)),
      ...(await allowed("The settings", () => checkSettings(client))),
      ...(await allowed("The index", () => checkIndex(client, keys))),
    ];
  } finally {
    client.disconnect();
  }
}

// A program's user need not have the rights for these.
async function allowed(what: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith("NOPERM")) throw error;
    return [finding("settings-unknown", `${what} can't be read: ${message}`)];
  }
}

async function checkSettings(client: Redis): Promise<Finding[]> {
  const findings: Finding[] = [];
  const info = (await client.info("all")).replaceAll("\r", "");
  const value = (name: string) => new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1];
  const policy = value("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction")
    findings.push(
      finding("redis-evicts", `maxmemory-policy is ${policy}: a server that is full deletes tokens.`),
    );
  const percent = Math.round((Number(value("used_memory")) / Number(value("maxmemory"))) * 100);
  if (Number.isFinite(percent) && percent > FULL)
    findings.push(finding("redis-nearly-full", `The server uses ${percent}% of maxmemory.`));
  const hasLog = value("aof_enabled") === "1";
  if (!hasLog)
    findings.push(
      finding(
        "redis-not-durable",
        "appendonly is off: a killed server loses what it saved since the last snapshot.",
      ),
    );
  if (hasLog && value("aof_last_write_status") === "err")
    findings.push(finding("redis-log-fails", "The last write to the append-only file failed."));
  if (value("rdb_last_bgsave_status") === "err")
    findings.push(finding("redis-snapshot-fails", "The last snapshot failed."));
  if (value("role") === "slave")
    findings.push(finding("not-primary", "The server is a replica: it takes no writes."));
  // A user of a program may have no right to ask.
  const [, fsync] = await client.config("GET", "appendfsync").catch(() => []);
  if (hasLog && fsync === "no")
    findings.push(finding("redis-fsync-off", "appendfsync is no: a power cut loses seconds or more."));
  return findings;
}

const COMMANDS =
  "hget hmget hset hdel hexists hincrby zadd zrem zrangebylex zrevrangebylex get set del unlink pexpire time";

// Only asks whether this user may run the commands.
const MISSING_RIGHTS = `#!lua flags=no-writes
local missing = {}
for _, command in ipairs(ARGV) do
  if not redis.acl_check_cmd(command, KEYS[1]) then missing[#missing + 1] = command end
end
return missing`;

async function checkRights(client: Redis, { records }: RedisKeys): Promise<Finding[]> {
  const missing = (await client.eval(MISSING_RIGHTS, 1, records, ...COMMANDS.split(" "))) as string[];
  if (missing.length === 0) return [];
  return [finding("missing-privileges", `This user may not run: ${missing.join(", ")}.`)];
}

/** Compares the records with the entries that find them, in bounded memory but for what is wrong. */
async function checkIndex(client: Redis, keys: RedisKeys): Promise<Finding[]> {
  const [expiring, unlisted, orphans]: [string[], string[], string[]] = [[], [], []];
  const { records, index, users, order, meta, fence } = keys;
  for (const key of [records, index, users, order, meta, fence])
    if ((await client.pttl(key)) >= 0) expiring.push(key);

  for await (const page of fieldsOf(client, records)) {
    const check = async ([id, record]: [string, string]) => {
      const member = orderOf(id, record);
      if (member === undefined || (await hasMember(client, order, member))) return;
      // A program may have changed it meanwhile: an etag is never used twice.
      if ((await client.hget(records, id)) === record) unlisted.push(`${id} (order)`);
    };
    await Promise.all(page.map(check));
  }
  const check = async (entries: readonly Entry[]) => {
    if (entries.length === 0) return;
    const found = await client.hmget(records, ...entries.map(({ id }) => id));
    for (const [position, { name, isThere }] of entries.entries()) {
      if (found[position] === null && (await isThere())) orphans.push(name);
    }
  };
  for await (const page of fieldsOf(client, index)) {
    await check(
      page.map(([field, id]) => {
        const isThere = async () => (await client.hget(index, field)) === id;
        return { id, name: `${id} (index)`, isThere };
      }),
    );
  }
  // A member of users begins with 22 characters of a digest and 16 digits, one of order with 16 digits.
  for (const [key, length, name] of [
    [users, 40, "users"],
    [order, 17, "order"],
  ] as const) {
    for await (const page of membersOf(client, key)) {
      await check(
        page.map((member) => {
          const id = member.slice(length);
          return { id, name: `${id} (${name})`, isThere: () => hasMember(client, key, member) };
        }),
      );
    }
  }
  return [
    ...nameSome("redis-expires", "Keys that the server will delete", expiring),
    ...nameSome("index-missing", "Records that a list does not have", unlisted),
    ...nameSome("index-orphan", "Entries of records that are not there", orphans),
  ];
}

/** An entry that finds a record. */
interface Entry {
  readonly id: string;
  readonly name: string;
  /** Whether it is still there. */
  readonly isThere: () => Promise<boolean>;
}

async function* fieldsOf(client: Redis, key: string): AsyncGenerator<[field: string, value: string][]> {
  let cursor = "0";
  do {
    const [next, page] = await client.hscan(key, cursor, "COUNT", PAGE);
    yield page.flatMap((field, i) => (i % 2 === 0 ? [[field, page[i + 1]!] as [string, string]] : []));
    cursor = next;
  } while (cursor !== "0");
}

async function* membersOf(client: Redis, key: string): AsyncGenerator<string[]> {
  let from = "-";
  for (;;) {
    const page = await client.zrangebylex(key, from, "+", "LIMIT", 0, PAGE);
    yield page;
    if (page.length < PAGE) return;
    from = `(${page.at(-1)}`;
  }
}

async function hasMember(client: Redis, key: string, member: string): Promise<boolean> {
  return (await client.zrangebylex(key, `[${member}`, `[${member}`)).length > 0;
}

/** The member of `order` that lists a record; a record that can't be read is another finding. */
function orderOf(id: string, record: string): string | undefined {
  const [, createdAt] = /"createdAt":(\d+)/.exec(record) ?? [];
  return createdAt === undefined ? undefined : `${createdAt.padStart(16, "0")}:${id}`;
}
