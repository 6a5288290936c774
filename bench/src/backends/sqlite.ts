import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { type Contender, type GroupResult, measure } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";

const SIZES = [100, 100_000];
const FULL = "committed, synchronous=FULL";

/** The store beside the driver alone, which does the same find and save on a table with the same columns. */
export async function benchSqlite(): Promise<GroupResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
  const finds: Contender[] = [];
  const saves: Contender[] = [];
  const open: { close(): unknown }[] = [];
  try {
    for (const size of SIZES) {
      const records = `${size.toLocaleString("en")} records`;
      const bare = bareDriver(join(folder, `bare-${size}.db`), size);
      const { database, store } = await filledStore(join(folder, `store-${size}.db`), size);
      open.push(bare, store, database);
      finds.push(
        { name: `better-sqlite3, ${records}`, run: (i) => bare.find(someOf(size, i)) },
        { name: `store, ${records}`, run: (i) => store.findToken(queryOf(someOf(size, i))) },
      );
      saves.push(
        { name: `better-sqlite3, ${records}`, durability: FULL, run: (i) => bare.save(someOf(size, i), i) },
        {
          name: `store, ${records}`,
          durability: FULL,
          run: (i) => store.saveToken(tokenOf(someOf(size, i), i)),
        },
      );
    }
    const [few, many] = SIZES.map((size) => size.toLocaleString("en"));
    const targets = (times: number) => [
      { contender: `store, ${few} records`, against: `better-sqlite3, ${few} records`, times },
      { contender: `store, ${many} records`, against: `better-sqlite3, ${many} records`, times },
      // at most 1.3 times the cost
      { contender: `store, ${many} records`, against: `store, ${few} records`, times: 1 / 1.3 },
    ];
    return [
      await measure({
        title: "Find by user and client, SQLite",
        contenders: finds,
        operations: 10_000,
        targets: targets(0.8),
      }),
      await measure({
        title: "Save a changed access token, SQLite",
        contenders: saves,
        operations: 300,
        targets: targets(0.7),
      }),
    ];
  } finally {
    for (const thing of open) await thing.close();
    rmSync(folder, { recursive: true });
  }
}

/** Fills fast, without waiting for the disk, and is then set to what the store does by itself. */
async function filledStore(
  path: string,
  size: number,
): Promise<{ database: Database.Database; store: TokenStore }> {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = OFF");
  const store = new SqliteTokenStore({ database });
  for (let i = 0; i < size; i++) await store.saveToken(tokenOf(i));
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.pragma("synchronous = FULL");
  return { database, store };
}

function bareDriver(path: string, size: number) {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = OFF");
  database.exec(`CREATE TABLE tokens (
    id TEXT PRIMARY KEY, user_name TEXT, client_id TEXT, client_secret TEXT, refresh_token TEXT UNIQUE,
    access_token TEXT UNIQUE, grant_token TEXT UNIQUE, expires_at INTEGER, redirect_url TEXT, api_domain TEXT,
    UNIQUE (user_name, client_id))`);
  const get = database.prepare("SELECT * FROM tokens WHERE user_name = ? AND client_id = ?");
  const upsert = database.prepare(`INSERT INTO tokens VALUES
    (@id, @userName, @clientId, @clientSecret, @refreshToken, @accessToken, NULL, @expiresAt, @redirectUrl, @apiDomain)
    ON CONFLICT (user_name, client_id) DO UPDATE SET access_token = excluded.access_token,
      refresh_token = excluded.refresh_token, expires_at = excluded.expires_at, client_secret = excluded.client_secret,
      redirect_url = excluded.redirect_url, api_domain = excluded.api_domain`);
  const save = (i: number, version = 0) => {
    const { userSignature, ...fields } = tokenOf(i, version);
    return upsert.run({ ...fields, id: String(i), userName: userSignature.name });
  };
  database.transaction(() => {
    for (let i = 0; i < size; i++) save(i);
  })();
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.pragma("synchronous = FULL");
  const find = (i: number) => {
    const { userSignature, clientId } = queryOf(i);
    const row = get.get(userSignature?.name, clientId) as Record<string, string> & { expires_at: number };
    return {
      id: row.id,
      userSignature: { name: row.user_name! },
      clientId: row.client_id,
      clientSecret: row.client_secret,
      refreshToken: row.refresh_token,
      accessToken: row.access_token,
      grantToken: row.grant_token,
      expiresAt: row.expires_at,
      redirectUrl: row.redirect_url,
      apiDomain: row.api_domain,
    };
  };
  return { find, save, close: () => database.close() };
}
