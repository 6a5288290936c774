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

export default {
  name: "postgres",
  open: (space, more) => new PostgresTokenStore({ url: storeUrl, ...options(space), ...more }),
  destroy: async (space) => {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${space.id} CASCADE`);
    await client.end();
  },
  client: {
    open: () => new pg.Pool({ connectionString: storeUrl, max: 4 }),
    store: (pool, space, more) => new PostgresTokenStore({ pool, schema: space.id, ...more }),
    isOpen: async (pool) => (await pool.query("SELECT 1")).rowCount === 1,
    close: (pool) => pool.end(),
  },
  ...(proxy !== undefined && { disruptions: proxy }),
};
