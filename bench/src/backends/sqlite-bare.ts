import Database from "better-sqlite3";
import { queryOf, tokenOf } from "../tokens.js";
import { FULL, type OpenSubject } from "./sqlite.js";

const TABLE = `CREATE TABLE tokens (
  id TEXT PRIMARY KEY, user_name TEXT, client_id TEXT, client_secret TEXT, refresh_token TEXT UNIQUE,
  access_token TEXT UNIQUE, grant_token TEXT UNIQUE, expires_at INTEGER, redirect_url TEXT, api_domain TEXT,
  UNIQUE (user_name, client_id))`;

/** The driver alone: the same find and save on a table with the same columns. */
export function bareDriver(path: string, size: number): OpenSubject {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = OFF");
  database.exec(TABLE);
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
    const row = get.get(userSignature.name, clientId) as Record<string, string> & { expires_at: number };
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
  const close = () => database.close();
  return { name: "better-sqlite3", kind: "driver", size, durability: FULL, find, save, close };
}
