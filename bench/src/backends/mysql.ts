import KeyvMysql from "@keyv/mysql";
import { MySQLSessionStorage } from "@shopify/shopify-app-session-storage-mysql";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { startServer } from "@tokenkeep/test-servers";
import Keyv from "keyv";
import { createPool, type Pool, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import { keyvCandidate, LARGEST, shopifyCandidate } from "../alternatives.js";
import { BARE_COLUMNS, bareSqlCandidate } from "../bare-sql.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { serverTargets } from "../targets.js";
import { ENCRYPTION } from "../tokens.js";
import { zohoDbStore } from "./zoho-db-store.js";

/** As many connections as each candidate has; the SDK's DBStore opens one for each call. */
const CONNECTIONS = 10;
const OURS = "@tokenkeep/mysql";
const ENCRYPTED = `${OURS}, encrypted`;
const DRIVER = "mysql2";
const SDK = "Zoho SDK's DBStore";

export const bench: Bench = {
  targets: serverTargets({ ours: OURS, encrypted: ENCRYPTED, driver: DRIVER, keyv: "@keyv/mysql" }),
  notes: [
    `The server is MariaDB, since the driver of the SDK's DBStore can't log in to MySQL 9. Each candidate has ${CONNECTIONS} connections, DBStore one for each call.`,
    "mysql2 alone finds by one digest. The store also asks for the user's record without a client, in the same statement.",
    "DBStore has no index but its `id`: a find and a save read the table until they meet the user. Its save is one UPDATE without a condition, so that of two concurrent saves one is lost.",
    "keyv and Shopify's storage read one row by its primary key, and overwrite it, unread. Of two concurrent saves, either loses one.",
  ],
  async start(sizes) {
    const server = await startServer("mariadb");
    const database = `tokenkeep_bench_${process.pid}`;
    const admin = createPool({ uri: server.url, connectionLimit: 1 });
    await admin.query("CREATE DATABASE ??", [database]);
    const url = Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
    const pool = createPool({ uri: url, connectionLimit: CONNECTIONS });
    const candidates: Candidate[] = [];
    const [[settings]] = await pool.query<RowDataPacket[]>(
      "SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flush",
    );
    const durability = `committed, \`innodb_flush_log_at_trx_commit=${settings?.flush}\``;
    for (const size of sizes) {
      candidates.push(await ours(pool, size, durability, false), await bare(pool, size, durability));
      if (size > LARGEST) continue;
      const overwriting = `${durability}; overwrites what is there`;
      const keyv = new KeyvMysql({ uri: url, table: `keyv_${size}`, connectionLimit: CONNECTIONS });
      candidates.push(
        await ours(pool, size, durability, true),
        await zohoDbStore(SDK, pool, url, size, durability),
        await keyvCandidate({ name: "@keyv/mysql", size, durability: overwriting }, new Keyv(keyv)),
        await shopify(url, size, overwriting),
      );
    }
    return {
      candidates,
      server: `MariaDB ${settings?.version}`,
      async stop() {
        for (const { close } of candidates) await close?.();
        await admin.query("DROP DATABASE ??", [database]);
        await admin.end();
        await pool.end();
        await server.stop();
      },
    };
  },
};

async function ours(pool: Pool, size: number, durability: string, isEncrypted: boolean): Promise<Candidate> {
  const table = `${isEncrypted ? "sealed" : "tokens"}_${size}`;
  const store = new MysqlTokenStore({ pool, table, ...(isEncrypted && { encryption: ENCRYPTION }) });
  const bytes = async () => {
    await pool.query("ANALYZE TABLE ??", [table]);
    const [[row]] = await pool.query<RowDataPacket[]>(
      `SELECT data_length + index_length AS bytes FROM information_schema.tables
       WHERE table_schema = DATABASE() AND table_name = ?`,
      [table],
    );
    return Number(row?.bytes);
  };
  const name = isEncrypted ? ENCRYPTED : OURS;
  return storeCandidate({ name, kind: isEncrypted ? "variant" : "ours", size, durability, bytes }, store);
}

async function bare(pool: Pool, size: number, durability: string): Promise<Candidate> {
  const table = `bare_${size}`;
  await pool.query(
    `CREATE TABLE ${table} (${BARE_COLUMNS("MEDIUMTEXT", "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin")})`,
  );
  return bareSqlCandidate(
    { name: DRIVER, size, durability },
    {
      table,
      placeholder: () => "?",
      select: async (sql, values) =>
        (await pool.execute<RowDataPacket[]>(sql, values as string[]))[0][0]?.record as string | undefined,
      write: async (sql, values) =>
        (await pool.execute<ResultSetHeader>(sql, values as string[]))[0].affectedRows,
    },
  );
}

async function shopify(url: string, size: number, durability: string): Promise<Candidate> {
  const storage = new MySQLSessionStorage(new URL(url), {
    connectionPoolLimit: CONNECTIONS,
    sessionTableName: `shopify_${size}`,
    migratorOptions: {
      migrationDBIdentifier: `shopify_migrations_${size}`,
      migrationNameColumnName: "migration_name",
    },
  });
  return shopifyCandidate({ size, durability }, storage, () => storage.disconnect());
}
