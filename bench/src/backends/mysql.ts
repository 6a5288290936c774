import { randomUUID } from "node:crypto";
import { keysOf, opaqueKey } from "@tokenkeep/core";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { startServer } from "@tokenkeep/test-servers";
import { createPool, type Pool, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import { fill } from "../peers.js";
import type { Bench, Subject } from "../subject.js";
import { queryOf, refreshOf, tokenOf, tokenQueryOf } from "../tokens.js";
import { keyvMysql, shopifyMysql, zohoDbStore } from "./mysql-peers.js";

/** As many connections as each subject has; the SDK's DBStore opens one for each call. */
export const CONNECTIONS = 10;

const OURS = "@tokenkeep/mysql";
const DRIVER = "mysql2";
const SDK = "Zoho SDK's DBStore";

/** A subject with something to close. */
export interface OpenSubject extends Subject {
  close?(): unknown;
}

export const mysqlBench: Bench = {
  backend: "MySQL",
  targets: [
    { job: "find", against: DRIVER, times: 0.9 },
    ...(["find", "save"] as const).flatMap((job) => [
      { job, against: SDK, times: 1.5, callers: 1 },
      { job, against: SDK, times: 5, callers: 50 },
    ]),
  ],
  notes: [
    "The server is MariaDB, since the driver of the SDK's DBStore can't log in to MySQL 9.",
    "mysql2 alone, over the store's own pool and on a table with the same columns and indexes, finds by primary key with a prepared `SELECT *`, and saves with one such SELECT and one conditional UPDATE of the fields that change.",
    "Find asks for users whose record, with this client, the store has found before: it looks for that one key, and where it finds nothing it asks once more, for the user with no client as well. The first find of a user asks for both at once, which takes longer.",
    "Save changes the access token of a record that was found or saved within ten seconds. The store knows it still, and sends the UPDATE alone, on condition that the record is unchanged; mysql2 reads first, and so does the store for any other save, such as one by refresh token alone.",
    "Finds that are made at once go together, up to 8 in one statement, and so does what saves have to read: with many callers that is why the store finds faster than mysql2 alone. Writes never go together: each save is committed by itself, so that none waits for another user's.",
    "DBStore has no index but its `id`: a find and a save read the table from the start until the user is found, 100,000 rows at worst. It opens a connection for each call. Its save is one UPDATE without a condition or a look beforehand, so that of two saves at once one is lost, and it changes no index entry; the store's changes that of the access token, which is unique.",
    "With 50 callers a save costs little more than its commit, which DBStore's needs too: at 100 tokens, where DBStore has few rows to read, Shopify's overwrite of one row by its primary key shows how much faster than that a committed save can be. To commit the saves of several users together would be faster yet, and would have one wait for another's lock.",
    "keyv and Shopify's storage read one row by a primary key that they are told, and overwrite it, unread, with no other index and no check of what is there: where they find or save faster, that is why.",
    `Each has ${CONNECTIONS} connections, DBStore one for each call. A commit waits for the disk; with many callers, up to as many commits as there are connections share one flush.`,
  ],
  async start(sizes) {
    const server = await startServer("mariadb");
    const pool = createPool({ uri: server.url, connectionLimit: CONNECTIONS });
    const open: OpenSubject[] = [];
    try {
      await dropTables(pool, sizes);
      const [[settings]] = await pool.query<RowDataPacket[]>(
        "SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flush",
      );
      const durability = `committed, \`innodb_flush_log_at_trx_commit=${settings?.flush}\``;
      for (const size of sizes) {
        open.push(await ours(pool, size, durability), await driver(pool, size, durability));
        if (size === sizes[0]) open.push(await oursByToken(pool, size, durability));
        for (const peer of [zohoDbStore, keyvMysql, shopifyMysql]) {
          open.push(await peer(pool, server.url, size, durability));
        }
      }
      for (const subject of open) await check(subject);
      return { subjects: open, server: `MariaDB ${settings?.version}`, stop };
    } catch (error) {
      await stop();
      throw error;
    }

    async function stop(): Promise<void> {
      for (const subject of open) await subject.close?.();
      await dropTables(pool, sizes);
      await pool.end();
      await server.stop();
    }
  },
};

/** A server of the caller's own keeps what was made on it. */
async function dropTables(pool: Pool, sizes: readonly number[]): Promise<void> {
  const names = ["tokens", "by_token", "bare", "oauthtoken", "keyv", "shopify", "shopify_migrations"];
  for (const size of sizes) {
    const tables = names.map((name) => `bench_${name}_${size}`);
    tables.push(`${tableOf(size)}_locks`, `${tableByTokenOf(size)}_locks`);
    await pool.query("DROP TABLE IF EXISTS ??", [tables]);
  }
}

const tableOf = (size: number): string => `bench_tokens_${size}`;
const tableByTokenOf = (size: number): string => `bench_by_token_${size}`;

async function ours(pool: Pool, size: number, durability: string): Promise<OpenSubject> {
  const store = new MysqlTokenStore({ pool, table: tableOf(size) });
  // the rows are what the store itself makes of the first token, with each one's own values in it
  await store.saveToken(tokenOf(0));
  await fillLike(pool, tableOf(size), size, (i) => {
    const { userSignature, clientId, refreshToken, accessToken } = tokenOf(i);
    const keys = keysOf({
      ...NO_FIELDS,
      userName: userSignature.name,
      clientId: String(clientId),
      refreshToken: String(refreshToken),
      accessToken: String(accessToken),
    });
    return {
      id: randomUUID(),
      etag: randomUUID(),
      user_name: userSignature.name,
      refresh_token: refreshToken,
      access_token: accessToken,
      user_client_key: keys.userClient,
      refresh_token_key: keys.refreshToken,
      access_token_key: keys.accessToken,
      user_key: keys.user,
    };
  });
  return {
    name: OURS,
    kind: "ours",
    size,
    durability,
    find: (i) => store.findToken(queryOf(i)),
    save: (i, version) => store.saveToken(tokenOf(i, version)),
    close: () => store.close(),
  };
}

async function oursByToken(pool: Pool, size: number, durability: string): Promise<OpenSubject> {
  const store = new MysqlTokenStore({ pool, table: tableByTokenOf(size) });
  await fill(size, (i) => store.saveToken(tokenOf(i)));
  return {
    name: `${OURS}, by refresh token`,
    kind: "ours otherwise",
    size,
    durability,
    find: (i) => store.findToken(tokenQueryOf(i)),
    save: (i, version) => store.saveToken(refreshOf(i, version)),
    close: () => store.close(),
  };
}

const NO_FIELDS = {
  id: null,
  clientSecret: null,
  redirectUrl: null,
  grantToken: null,
  expiresAt: null,
  apiDomain: null,
  revision: null,
};

/** The least that the same find and save could cost on this server: with the id known, and nothing checked. */
async function driver(pool: Pool, size: number, durability: string): Promise<OpenSubject> {
  const table = `bench_bare_${size}`;
  await pool.query("CREATE TABLE ?? LIKE ??", [table, tableOf(size)]);
  await pool.query("INSERT INTO ?? SELECT * FROM ??", [table, tableOf(size)]);
  const [rows] = await pool.query<RowDataPacket[]>("SELECT id, user_name FROM ??", [table]);
  const ids = new Map(rows.map(({ id, user_name }) => [String(user_name), String(id)]));
  const find = async (i: number): Promise<RowDataPacket | undefined> => {
    const id = ids.get(queryOf(i).userSignature.name)!;
    const sql = `SELECT * FROM ${table} WHERE namespace = ? AND id = ?`;
    return (await pool.execute<RowDataPacket[]>(sql, ["", id]))[0][0];
  };
  const save = async (i: number, version: number): Promise<void> => {
    const { accessToken, expiresAt } = tokenOf(i, version);
    const stored = (await find(i))!;
    const [{ affectedRows }] = await pool.execute<ResultSetHeader>(
      `UPDATE ${table} SET access_token = ?, expires_at = ?, revision = ?, etag = ?, saved_at = ?,
        access_token_key = ? WHERE namespace = ? AND id = ? AND etag = ?`,
      [
        String(accessToken),
        Number(expiresAt),
        stored.revision + 1,
        randomUUID(),
        Date.now(),
        opaqueKey("accessToken", String(accessToken)),
        "",
        stored.id,
        stored.etag,
      ],
    );
    // the hundred tokens are saved in turn: with more callers than connections one can be passed
    if (affectedRows !== 1) return save(i, version);
  };
  return { name: DRIVER, kind: "driver", size, durability, find, save };
}

/**
 * Fills a table of one row, that of token number 0, up to `size`: with rows like it but for what `differs`,
 * a thousand in a statement.
 */
export async function fillLike(
  pool: Pool,
  table: string,
  size: number,
  differs: (i: number) => Record<string, unknown>,
): Promise<void> {
  const [[first]] = await pool.query<RowDataPacket[]>("SELECT * FROM ??", [table]);
  const columns = Object.keys(first!);
  for (let i = 1; i < size; i += 1000) {
    const rows = Array.from({ length: Math.min(1000, size - i) }, (_, j) => {
      const row: Record<string, unknown> = { ...first, ...differs(i + j) };
      return columns.map((column) => row[column]);
    });
    await pool.query("INSERT INTO ?? (??) VALUES ?", [table, columns, rows]);
  }
  await pool.query("ANALYZE TABLE ??", [table]);
}

async function check(subject: Subject): Promise<void> {
  for (const i of [0, subject.size >> 1, subject.size - 1]) {
    if (!(await subject.find(i))) throw new Error(`${subject.name} of ${subject.size} has no token ${i}.`);
  }
}
