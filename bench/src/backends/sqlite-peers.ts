import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import Keyv from "keyv";
import { fill, keyvKey, sessionId, sessionOf } from "../peers.js";
import { tokenOf } from "../tokens.js";
import type { OpenSubject } from "./sqlite.js";

const DURABILITY = "committed, `synchronous=FULL`, journal `DELETE`; overwrites what is there";

export async function keyvSqlite(path: string, size: number): Promise<OpenSubject> {
  buildDriverOf("@keyv/sqlite");
  const { default: Adapter } = await import("@keyv/sqlite");
  const adapter = new Adapter({ uri: `sqlite://${path}` });
  const keyv = new Keyv(adapter);
  const save = (i: number, version: number) => keyv.set(keyvKey(i), tokenOf(i, version));
  await adapter.query("BEGIN");
  await fill(size, (i) => save(i, 0));
  await adapter.query("COMMIT");
  return {
    name: "@keyv/sqlite",
    kind: "peer",
    size,
    durability: DURABILITY,
    find: (i) => keyv.get(keyvKey(i)),
    save,
    close: () => keyv.disconnect(),
  };
}

export async function shopifySqlite(path: string, size: number): Promise<OpenSubject> {
  buildDriverOf("@shopify/shopify-app-session-storage-sqlite");
  const { SQLiteSessionStorage } = await import("@shopify/shopify-app-session-storage-sqlite");
  const { default: sqlite3 } = await import("sqlite3");
  const database = new sqlite3.Database(path);
  const run = (sql: string) =>
    new Promise<void>((done, fail) => database.exec(sql, (error) => (error ? fail(error) : done())));
  const storage = new SQLiteSessionStorage(database);
  await storage.ready;
  const save = (i: number, version: number) => storage.storeSession(sessionOf(i, version));
  await run("BEGIN");
  await fill(size, (i) => save(i, 0));
  await run("COMMIT");
  return {
    name: "Shopify's session storage",
    kind: "peer",
    size,
    durability: DURABILITY,
    find: (i) => storage.loadSession(sessionId(i)),
    save,
    close: () => new Promise<void>((done) => database.close(() => done())),
  };
}

/**
 * The peers' driver, `sqlite3`, is built here at its first use and not when the workspace is installed: nothing
 * else needs it, and where no prebuilt one can be downloaded it takes minutes.
 */
function buildDriverOf(peer: string): void {
  const require = createRequire(createRequire(import.meta.url).resolve(peer));
  try {
    require("sqlite3");
  } catch {
    console.log(`building sqlite3 for ${peer}`);
    const cwd = dirname(require.resolve("sqlite3/package.json"));
    const { status, output } = spawnSync("npm", ["run", "install"], { cwd, encoding: "utf8" });
    if (status !== 0) throw new Error(`sqlite3 could not be built:\n${output.join("\n")}`);
  }
}
