import KeyvMysql from "@keyv/mysql";
import { MySQLSessionStorage } from "@shopify/shopify-app-session-storage-mysql";
import { DBBuilder } from "@zohocrm/typescript-sdk-8.0";
import Keyv from "keyv";
import type { Pool } from "mysql2/promise";
import { keyvKey, sessionId, sessionOf } from "../peers.js";
import { tokenOf } from "../tokens.js";
import { zohoToken } from "../zoho-token.js";
import { CONNECTIONS, fillLike, type OpenSubject } from "./mysql.js";

/** As the SDK's documentation says to make it. */
const SDK_COLUMNS = `id varchar(10) NOT NULL, user_name varchar(255), client_id varchar(255),
  client_secret varchar(255), refresh_token varchar(255), access_token varchar(255), grant_token varchar(255),
  expiry_time varchar(20), redirect_url varchar(255), api_domain varchar(255), PRIMARY KEY (id)`;

export async function zohoDbStore(
  pool: Pool,
  url: string,
  size: number,
  durability: string,
): Promise<OpenSubject> {
  const table = `bench_oauthtoken_${size}`;
  await pool.query(`CREATE TABLE ${table} (${SDK_COLUMNS})`);
  const rowOf = (i: number) => {
    const token = tokenOf(i);
    return {
      id: String(i + 1),
      user_name: token.userSignature.name,
      client_id: token.clientId,
      client_secret: token.clientSecret,
      refresh_token: token.refreshToken,
      access_token: token.accessToken,
      expiry_time: String(token.expiresAt),
      redirect_url: token.redirectUrl,
      api_domain: token.apiDomain,
    };
  };
  await pool.query("INSERT INTO ?? SET ?", [table, rowOf(0)]);
  await fillLike(pool, table, size, rowOf);
  const { hostname, port, username, password, pathname } = new URL(url);
  const store = new DBBuilder()
    .host(hostname)
    .portNumber(Number(port))
    .userName(username)
    .password(password)
    .databaseName(pathname.slice(1))
    .tableName(table)
    .build();
  return {
    name: "Zoho SDK's DBStore",
    kind: "peer",
    size,
    durability,
    find: (i) => store.findToken(zohoToken(i)),
    save: (i, version) => store.saveToken(zohoToken(i, version)),
  };
}

export async function keyvMysql(
  pool: Pool,
  url: string,
  size: number,
  durability: string,
): Promise<OpenSubject> {
  const table = `bench_keyv_${size}`;
  const keyv = new Keyv(new KeyvMysql({ uri: url, table, connectionLimit: CONNECTIONS }));
  const save = (i: number, version: number) => keyv.set(keyvKey(i), tokenOf(i, version));
  await save(0, 0);
  const [[first]] = (await pool.query("SELECT id, value FROM ??", [table])) as unknown as [
    { id: string; value: string }[],
  ];
  const token = JSON.stringify(tokenOf(0));
  await fillLike(pool, table, size, (i) => ({
    id: first!.id.replace(keyvKey(0), keyvKey(i)),
    value: first!.value.replace(token, JSON.stringify(tokenOf(i))),
  }));
  return {
    name: "@keyv/mysql",
    kind: "peer",
    size,
    durability: `${durability}; overwrites what is there`,
    find: (i) => keyv.get(keyvKey(i)),
    save,
    // all its stores share one pool, which can be ended once
    close: () => keyv.disconnect().catch(() => {}),
  };
}

export async function shopifyMysql(
  pool: Pool,
  url: string,
  size: number,
  durability: string,
): Promise<OpenSubject> {
  const sessionTableName = `bench_shopify_${size}`;
  const storage = new MySQLSessionStorage(new URL(url), {
    connectionPoolLimit: CONNECTIONS,
    sessionTableName,
    migratorOptions: {
      migrationDBIdentifier: `bench_shopify_migrations_${size}`,
      migrationNameColumnName: "migration_name",
    },
  });
  const save = (i: number, version: number) => storage.storeSession(sessionOf(i, version));
  await save(0, 0);
  await fillLike(pool, sessionTableName, size, (i) => {
    const { id, shop, accessToken, refreshToken } = sessionOf(i);
    return { id, shop, accessToken, refreshToken };
  });
  return {
    name: "Shopify's session storage",
    kind: "peer",
    size,
    durability: `${durability}; overwrites what is there`,
    find: (i) => storage.loadSession(sessionId(i)),
    save,
    close: () => storage.disconnect(),
  };
}
