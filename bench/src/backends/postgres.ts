import { KeyvPostgres } from "@keyv/postgres";
import { PostgreSQLSessionStorage } from "@shopify/shopify-app-session-storage-postgresql";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { startServer } from "@tokenkeep/test-servers";
import Keyv from "keyv";
import { Pool } from "pg";
import { keyvCandidate, LARGEST, shopifyCandidate } from "../alternatives.js";
import { BARE_COLUMNS, bareSqlCandidate } from "../bare-sql.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { serverTargets } from "../targets.js";
import { ENCRYPTION } from "../tokens.js";

const CONNECTIONS = 10;
const OURS = "@tokenkeep/postgres";
const ENCRYPTED = `${OURS}, encrypted`;
const DRIVER = "pg";

export const bench: Bench = {
  targets: serverTargets({ ours: OURS, encrypted: ENCRYPTED, driver: DRIVER, keyv: "@keyv/postgres" }),
  notes: [
    `Each candidate has ${CONNECTIONS} connections. pg alone finds by one digest, without a prepared statement, as the store does; the store also asks for the user's record without a client, in the same statement.`,
    "keyv and Shopify's storage read one row by its primary key, and overwrite it, unread. Of two concurrent saves, either loses one.",
    "Auth.js's adapter is not here: it adds and removes accounts, and has no method that reads or updates the tokens of one.",
  ],
  async start(sizes) {
    const server = await startServer("postgres");
    const schema = `tokenkeep_bench_${process.pid}`;
    const pool = new Pool({ connectionString: server.url, max: CONNECTIONS });
    await pool.query(`CREATE SCHEMA ${schema}`);
    const { rows } = await pool.query("SELECT version(), current_setting('synchronous_commit') AS commit");
    const durability = `committed, \`synchronous_commit=${rows[0].commit}\``;
    const overwriting = `${durability}; overwrites what is there`;
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      candidates.push(await ours(pool, `${schema}_${size}`, size, durability, false));
      candidates.push(await bare(pool, `${schema}.bare_${size}`, size, durability));
      if (size > LARGEST) continue;
      candidates.push(await ours(pool, `${schema}_sealed_${size}`, size, durability, true));
      const keyv = new KeyvPostgres({ uri: server.url, schema, table: `keyv_${size}`, max: CONNECTIONS });
      candidates.push(
        await keyvCandidate({ name: "@keyv/postgres", size, durability: overwriting }, new Keyv(keyv)),
      );
      const storage = new PostgreSQLSessionStorage(new URL(server.url), {
        sessionTableName: `${schema}_shopify_${size}`,
      });
      candidates.push(
        await shopifyCandidate({ size, durability: overwriting }, storage, () => storage.disconnect()),
      );
    }
    return {
      candidates,
      server: String(rows[0].version).split(" ").slice(0, 2).join(" "),
      async stop() {
        for (const { close } of candidates) await close?.();
        for (const size of sizes) {
          for (const each of [`${schema}_${size}`, `${schema}_sealed_${size}`]) {
            await pool.query(`DROP SCHEMA IF EXISTS ${each} CASCADE`);
          }
          await pool.query(`DROP TABLE IF EXISTS ${schema}_shopify_${size}`);
        }
        await pool.query(`DROP SCHEMA ${schema} CASCADE`);
        await pool.end();
        await server.stop();
      },
    };
  },
};

async function ours(
  pool: Pool,
  schema: string,
  size: number,
  durability: string,
  isEncrypted: boolean,
): Promise<Candidate> {
  const store = new PostgresTokenStore({ pool, schema, ...(isEncrypted && { encryption: ENCRYPTION }) });
  const bytes = async () => {
    const { rows } = await pool.query(
      `SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE nspname = $1 AND relkind = 'r'`,
      [schema],
    );
    return Number(rows[0].bytes);
  };
  const name = isEncrypted ? ENCRYPTED : OURS;
  return storeCandidate({ name, kind: isEncrypted ? "variant" : "ours", size, durability, bytes }, store);
}

async function bare(pool: Pool, table: string, size: number, durability: string): Promise<Candidate> {
  await pool.query(`CREATE TABLE ${table} (${BARE_COLUMNS("text", "text")})`);
  return bareSqlCandidate(
    { name: DRIVER, size, durability },
    {
      table,
      placeholder: (index) => `$${index}`,
      select: async (sql, values) => (await pool.query(sql, values)).rows[0]?.record as string | undefined,
      write: async (sql, values) => (await pool.query(sql, values)).rowCount ?? 0,
    },
  );
}
