// `pnpm capacity sqlite redis --records 1000000`: loads many tokens into each backend, and prints what docs/capacity.md
// works with. Without names, all backends. FerretDB gets a tenth, since it loads slowly.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { TokenStore } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { type ServerName, startServer } from "@tokenkeep/test-servers";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import pg from "pg";
import type { Candidate } from "./bench.js";
import { duration, written } from "./format.js";
import { measure } from "./rounds.js";
import { queryOf, tokenOf } from "./tokens.js";

/** How to open a store of one backend, and how to find out what it takes. `at` is a directory or a URL. */
interface Subject {
  readonly server?: ServerName;
  /** The part of the records that it gets. */
  readonly part?: number;
  open(at: string, name: string): TokenStore;
  /** All bytes of the records with this name, indexes included. */
  bytes(at: string, name: string): Promise<number>;
  /** Has a server not wait for its disk while it is filled, or do so again, and gives it memory for its indexes. */
  relax?(at: string, isFilled: boolean): Promise<void>;
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  memory: {
    open: () => new MemoryTokenStore({ timeoutMs }),
    bytes: async () => heap(),
  },
  file: {
    open: (at, name) => new FileTokenStore({ path: join(at, `${name}.jsonl`), timeoutMs }),
    bytes: async (at, name) => statSync(join(at, `${name}.jsonl`)).size,
  },
  sqlite: {
    open: (at, name) => new SqliteTokenStore({ path: join(at, `${name}.db`), timeoutMs }),
    async bytes(at, name) {
      const database = new Database(join(at, `${name}.db`), { readonly: true });
      const [pages, size] = ["page_count", "page_size"].map((of) => database.pragma(of, { simple: true }));
      database.close();
      return Number(pages) * Number(size);
    },
  },
  mysql: sql("mysql"),
  mariadb: sql("mariadb"),
  postgres: {
    server: "postgres",
    open: (at, name) => new PostgresTokenStore({ url: at, schema: name, timeoutMs }),
    async bytes(at, name) {
      const client = new pg.Client(at);
      await client.connect();
      const { rows } = await client.query(`SELECT pg_total_relation_size('${name}.tokenkeep') AS bytes`);
      await client.end();
      return Number(rows[0].bytes);
    },
    async relax(at, isFilled) {
      const client = new pg.Client(at);
      await client.connect();
      await client.query(`ALTER SYSTEM SET synchronous_commit = ${isFilled ? "on" : "off"}`);
      await client.query("SELECT pg_reload_conf()");
      await client.query("CHECKPOINT");
      await client.end();
    },
  },
  redis: redis("redis"),
  valkey: redis("valkey"),
  ferretdb: {
    server: "ferretdb",
    part: 0.1,
    open: (at, name) => new MongoTokenStore({ url: at, collection: name, timeoutMs }),
    async bytes(at, name) {
      const client = await new MongoClient(at).connect();
      const { totalSize } = await client.db().command({ collStats: name });
      await client.close();
      return Number(totalSize);
    },
  },
};

function sql(server: ServerName): Subject {
  return {
    server,
    open: (at, name) => new MysqlTokenStore({ url: at, table: name, timeoutMs }),
    async bytes(at, name) {
      const connection = await createConnection(at);
      await connection.query("ANALYZE TABLE ??", [name]);
      const [rows] = await connection.query<RowDataPacket[]>(
        "SELECT data_length + index_length AS bytes FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
        [name],
      );
      await connection.end();
      return Number(rows[0]?.bytes);
    },
    async relax(at, isFilled) {
      const connection = await createConnection(at);
      await connection.query(`SET GLOBAL innodb_flush_log_at_trx_commit = ${isFilled ? 1 : 0}`);
      await connection.query(`SET GLOBAL sync_binlog = ${isFilled ? 1 : 0}`);
      // Where the indexes don't fit in, every save waits for the disk. The default is 128 MB.
      await connection.query("SET GLOBAL innodb_buffer_pool_size = 4294967296");
      await connection.end();
    },
  };
}

function redis(server: ServerName): Subject {
  return {
    server,
    open: (at, name) => new RedisTokenStore({ url: at, namespace: name, timeoutMs }),
    async bytes(at) {
      const client = new Redis(at);
      const used = Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1]);
      client.disconnect();
      return used;
    },
  };
}

/** Bytes on the heap that are in use: exact with `--expose-gc`, which `pnpm capacity` has. */
function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** The first call reads a whole file, and a garbage collection of a large heap takes long on a busy machine. */
const timeoutMs = 600_000;
/** Where a store on this machine is filled: in memory, since the disk's flushes are what takes long. */
const FILLED_IN = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const SMALL = 100;
const AT_ONCE = 50;

async function load(store: TokenStore, size: number): Promise<number> {
  const start = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < size) await store.saveToken(tokenOf(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return performance.now() - start;
}

function candidateOf(store: TokenStore, size: number): Candidate {
  return {
    name: String(size),
    kind: "ours",
    size,
    durability: "",
    jobs: {
      find: (i) => store.findToken(queryOf(i)),
      save: (i, version) => store.saveToken(tokenOf(i, version)),
    },
  };
}

async function report(
  backend: string,
  { server: serverName, open, bytes, relax, part = 1 }: Subject,
  records: number,
): Promise<void> {
  const size = Math.max(SMALL, Math.round(records * part));
  const server = serverName === undefined ? undefined : await startServer(serverName);
  const folder = mkdtempSync(join(tmpdir(), "tokenkeep-capacity-"));
  const filled = mkdtempSync(join(FILLED_IN, "tokenkeep-capacity-"));
  const at = server?.url ?? folder;
  const stores: TokenStore[] = [];
  try {
    const small = open(at, "small");
    stores.push(small);
    await load(small, SMALL);
    const isShared = backend === "redis" || backend === "valkey" || backend === "memory";
    const before = isShared ? await bytes(at, "large") : 0;
    await relax?.(at, false);
    let large = open(server?.url ?? filled, "large");
    stores.push(large);
    const loadMs = await load(large, size);
    await relax?.(at, true);
    if (server === undefined && backend !== "memory") {
      await large.close();
      cpSync(filled, folder, { recursive: true });
      rmSync(filled, { recursive: true });
      large = open(at, "large");
      stores.push(large);
    }
    const perToken = ((await bytes(at, "large")) - before) / size;
    const both = [candidateOf(small, SMALL), candidateOf(large, size)];
    console.log(`${backend}, ${written(size)} tokens`);
    console.log(
      `  load             ${(loadMs / 1000).toFixed(1)} s, ${written(Math.round(size / (loadMs / 1000)))} a second, ${AT_ONCE} callers`,
    );
    console.log(`  per token        ${written(Math.round(perToken))} bytes`);
    for (const job of ["find", "save"] as const) {
      const [few, many] = await measure(both, { job, callers: 1, turnMs: 100, rounds: 7 });
      console.log(`  ${job}             ${duration(many!.p50)} (of ${SMALL}: ${duration(few!.p50)})`);
    }
    if (backend === "memory") return;
    const second = await inChild(backend, at, size);
    console.log(
      `  second process   first find after ${duration(second.openMs * 1000)}, then ${(second.heap / 1e6).toFixed(1)} MB of heap`,
    );
    console.log(
      `  tokens()         ${(second.tokensHeap / 1e6).toFixed(1)} MB of heap at most, ${duration(second.tokensMs * 1000)}`,
    );
  } finally {
    for (const store of stores) await store.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
    rmSync(filled, { recursive: true, force: true });
  }
}

/** How often the heap is measured while `tokens()` is read: collecting garbage takes long where there is a lot. */
const SAMPLES = 10;

interface Second {
  readonly openMs: number;
  readonly heap: number;
  readonly tokensMs: number;
  readonly tokensHeap: number;
}

/** This process goes on meanwhile: a store may have something left to do. */
async function inChild(backend: string, at: string, size: number): Promise<Second> {
  const self = fileURLToPath(import.meta.url);
  const args = ["--expose-gc", self, "--second", backend, "--at", at, "--records", String(size)];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as Second;
}

/** What a process meets that opens the store when everything is there. */
async function second(subject: Subject, at: string, size: number): Promise<Second> {
  const before = heap();
  const start = performance.now();
  const store = subject.open(at, "large");
  await store.findToken(queryOf(0));
  const openMs = performance.now() - start;
  const opened = heap();
  const startTokens = performance.now();
  const between = Math.ceil(size / SAMPLES);
  let tokensHeap = 0;
  let sampledMs = 0;
  let read = 0;
  for await (const _token of store.tokens()) {
    if (++read % between !== 0) continue;
    const startSample = performance.now();
    tokensHeap = Math.max(tokensHeap, heap() - opened);
    sampledMs += performance.now() - startSample;
  }
  const tokensMs = performance.now() - startTokens - sampledMs;
  await store.close();
  return { openMs, heap: opened - before, tokensMs, tokensHeap };
}

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  allowPositionals: true,
  options: {
    records: { type: "string", default: "1000000" },
    second: { type: "string" },
    at: { type: "string" },
  },
});
if (values.second !== undefined) {
  console.log(JSON.stringify(await second(SUBJECTS[values.second]!, values.at!, Number(values.records))));
} else {
  for (const name of positionals.length > 0 ? positionals : Object.keys(SUBJECTS)) {
    const subject = SUBJECTS[name];
    if (subject === undefined)
      throw new Error(`There is no ${name}. There are ${Object.keys(SUBJECTS).join(", ")}.`);
    await report(name, subject, Number(values.records));
  }
}
