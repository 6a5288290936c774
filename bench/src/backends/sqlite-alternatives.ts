import { spawnSync } from "node:child_process";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import Keyv, { type KeyvOptions } from "keyv";
import { keyvCandidate, shopifyCandidate } from "../alternatives.js";
import type { Candidate } from "../bench.js";

const durability = "committed, `synchronous=FULL`, journal `DELETE`; overwrites what is there";

/** How values become text and back. */
type Serializer = Required<Pick<KeyvOptions, "serialize" | "deserialize">>;

/** keyv has no encryption before version 6, and no cipher in it: this is what its user would write. */
export function sealing(): Serializer {
  const key = randomBytes(32);
  return {
    serialize(data) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = Buffer.concat([cipher.update(JSON.stringify(data), "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
    },
    deserialize(text) {
      const bytes = Buffer.from(text, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString());
    },
  };
}

export async function keyvSqlite(path: string, size: number, serializer?: Serializer): Promise<Candidate> {
  buildDriverOf("@keyv/sqlite");
  const { default: Adapter } = await import("@keyv/sqlite");
  const adapter = new Adapter({ uri: `sqlite://${path}` });
  await adapter.query("BEGIN");
  const name = serializer === undefined ? "@keyv/sqlite" : "@keyv/sqlite, encrypted by its serializer";
  const candidate = await keyvCandidate({ name, size, durability }, new Keyv(adapter, serializer));
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
