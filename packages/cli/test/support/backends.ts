import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { onTestFinished } from "vitest";

const STORES = {
  file: FileTokenStore,
  sqlite: SqliteTokenStore,
  redis: RedisTokenStore,
  mysql: MysqlTokenStore,
  postgres: PostgresTokenStore,
  mongodb: MongoTokenStore,
} as const;

/** Options of a store that every backend has. */
export interface Options {
  readonly namespace?: string;
  readonly encryption?: { readonly keys: readonly { readonly id: string; readonly key: string }[] };
}

/** The store that the command would open for this URL. */
export function storeOn(url: string, options: Options = {}): TokenStore {
  const [, scheme, path] = /^(\w+):(.*)$/.exec(url)!;
  const Store = STORES[scheme as keyof typeof STORES] as new (options: object) => TokenStore;
  return new Store({ ...(/^(file|sqlite)$/.test(scheme!) ? { path } : { url }), ...options });
}

const HOUR = 3_600_000;

/** Saves a token for each name, and returns their ids. */
export async function fill(url: string, names: readonly string[], options: Options = {}): Promise<string[]> {
  const store = storeOn(url, options);
  const ids: string[] = [];
  for (const name of names) {
    const { id } = await store.saveToken({
      userSignature: { name },
      clientId: "app",
      refreshToken: `refresh-secret-${name}`,
      accessToken: `access-secret-${name}`,
      expiresAt: Date.now() + HOUR,
    });
    ids.push(id!);
  }
  await store.close();
  return ids;
}

/** A folder for one test. */
export function folderForTest(): string {
  const folder = mkdtempSync(join(tmpdir(), "tokenkeep-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Everything that is stored at a URL, as text: two dumps are the same if nothing was changed. */
export async function dump(url: string): Promise<string> {
  const [, scheme, path] = /^(\w+):(.*)$/.exec(url)!;
  if (scheme === "file") return filesOf(path!);
  if (scheme === "sqlite") return JSON.stringify([tablesOf(path!), statSync(path!).mode]);
  if (scheme === "redis") return dumpRedis(url);
  if (scheme === "mysql") return dumpMysql(url);
  if (scheme === "postgres") return dumpPostgres(url);
  return dumpMongo(url);
}

function filesOf(path: string): string {
  const folder = join(path, "..");
  return JSON.stringify(
    readdirSync(folder).map((name) => {
      const file = join(folder, name);
      const { mode, mtimeMs } = statSync(file);
      return [name, mode, mtimeMs, readFileSync(file, "latin1")];
    }),
  );
}

function tablesOf(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    const schema = database.prepare("SELECT * FROM sqlite_schema ORDER BY name").all() as {
      type: string;
      name: string;
    }[];
    const tables = schema.filter(({ type }) => type === "table");
    return [schema, tables.map(({ name }) => database.prepare(`SELECT * FROM "${name}"`).all())];
  } finally {
    database.close();
  }
}

async function dumpRedis(url: string): Promise<string> {
  const client = new Redis(url);
  const keys = (await client.keys("*")).sort();
  const values = await Promise.all(keys.map(async (key) => [key, String(await client.dump(key))]));
  client.disconnect();
  return JSON.stringify(values);
}

async function dumpMysql(url: string): Promise<string> {
  const connection = await createConnection(url);
  const [tables] = (await connection.query("SHOW TABLES")) as unknown as [object[]];
  const found: unknown[] = [];
  for (const name of tables.flatMap((row) => Object.values(row) as string[])) {
    found.push((await connection.query(`SHOW CREATE TABLE ${name}`))[0]);
    found.push((await connection.query(`SELECT * FROM ${name} ORDER BY 1, 2`))[0]);
  }
  await connection.end();
  return JSON.stringify(found);
}

async function dumpPostgres(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const found: unknown[] = [];
  const { rows } = await client.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  for (const { tablename } of rows as { tablename: string }[]) {
    found.push((await client.query(`SELECT *, xmin FROM ${tablename} ORDER BY 1, 2`)).rows);
  }
  found.push(
    (await client.query("SELECT * FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3")).rows,
  );
  await client.end();
  return JSON.stringify(found);
}

async function dumpMongo(url: string): Promise<string> {
  const client = new MongoClient(url);
  const found: unknown[] = [];
  for (const { name } of (await client.db().listCollections().toArray()).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const collection = client.db().collection(name);
    found.push(name, await collection.find({}).sort({ _id: 1 }).toArray(), await collection.indexes());
  }
  await client.close();
  return JSON.stringify(found);
}
