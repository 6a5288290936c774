// The kit's module. The server's URL comes from the test file through the environment, which the kit's child
// processes inherit. The proxy exists in the test file's own process alone: child processes reach the server directly.
import { PostgresTokenStore } from "@tokenkeep/postgres";
import pg from "pg";

const url = process.env.POSTGRES_URL;
if (!url) throw new Error("Set POSTGRES_URL: postgres://user:password@host/database");

const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const storeUrl =
  proxy === undefined
    ? url
    : Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) }).href;
const options = (space) => ({ schema: space.id, clientOptions: { max: 4 } });

async function query(text, rowMode) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await client.query({ text, rowMode });
  } finally {
    await client.end();
  }
}

export default {
  name: "postgres",
  open: (space, more) => new PostgresTokenStore({ url: storeUrl, ...options(space), ...more }),
  destroy: (space) => query(`DROP SCHEMA IF EXISTS ${space.id} CASCADE`),
  dump: async (space) => {
    const tokens = "convert_from(namespace, 'UTF8'), convert_from(id, 'UTF8'), t";
    const { rows } = await query(`SELECT ${tokens} FROM ${space.id}.tokenkeep t`, "array");
    const locks = await query(`SELECT l FROM ${space.id}.tokenkeep_locks l`, "array");
    return [...rows, ...locks.rows].flat().join("\n");
  },
  client: {
    open: () => new pg.Pool({ connectionString: storeUrl, max: 4 }),
    store: (pool, space, more) => new PostgresTokenStore({ pool, schema: space.id, ...more }),
    isOpen: async (pool) => (await pool.query("SELECT 1")).rowCount === 1,
    close: (pool) => pool.end(),
  },
  ...(proxy !== undefined && { disruptions: proxy }),
};
