import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import Keyv from "keyv";
import { keyvCandidate, shopifyCandidate } from "../alternatives.js";
import type { Candidate } from "../bench.js";

const durability = "committed, `synchronous=FULL`, journal `DELETE`; overwrites what is there";

export async function keyvSqlite(path: string, size: number): Promise<Candidate> {
  buildDriverOf("@keyv/sqlite");
  const { default: Adapter } = await import("@keyv/sqlite");
  const adapter = new Adapter({ uri: `sqlite://${path}` });
  await adapter.query("BEGIN");
  const candidate = await keyvCandidate({ name: "@keyv/sqlite", size, durability }, new Keyv(adapter));
  await adapter.query("COMMIT");
  return candidate;
}

export async function shopifySqlite(path: string, size: number): Promise<Candidate> {
  buildDriverOf("@shopify/shopify-app-session-storage-sqlite");
  const { SQLiteSessionStorage } = await import("@shopify/shopify-app-session-storage-sqlite");
  const { default: sqlite3 } = await import("sqlite3");
  const database = new sqlite3.Database(path);
  const run = (sql: string) =>
    new Promise<void>((done, fail) => database.exec(sql, (error) => (error ? fail(error) : done())));
  const storage = new SQLiteSessionStorage(database);
  await storage.ready;
  const close = () => new Promise<void>((done) => database.close(() => done()));
  await run("BEGIN");
  const candidate = await shopifyCandidate({ size, durability }, storage, close);
  await run("COMMIT");
  return candidate;
}

/**
 * The alternatives' driver, `sqlite3`, is built here at its first use and not when the workspace is installed: nothing
 * else needs it, and where no prebuilt one can be downloaded it takes minutes.
 */
function buildDriverOf(alternative: string): void {
  const require = createRequire(createRequire(import.meta.url).resolve(alternative));
  try {
    require("sqlite3");
  } catch {
    console.log(`building sqlite3 for ${alternative}`);
    const cwd = dirname(require.resolve("sqlite3/package.json"));
    const { status, output } = spawnSync("npm", ["run", "install"], { cwd, encoding: "utf8" });
    if (status !== 0) throw new Error(`sqlite3 could not be built:\n${output.join("\n")}`);
  }
}
