import { startProxy } from "@tokenkeep/conformance";
import pg from "pg";
import { PostgresTokenStore } from "./dist/index.js";

const server = process.env.POSTGRES_URL;
if (!server) throw new Error("Set POSTGRES_URL: postgres://user:password@host/database");

const { hostname, port } = new URL(server);
const proxy = await startProxy(hostname, Number(port || 5432));
const url = Object.assign(new URL(server), { hostname: "127.0.0.1", port: proxy.port }).href;

export default {
  name: "postgres-token-store",
  open: (space, options) => new PostgresTokenStore({ url, schema: space.id, ...options }),
  destroy: async (space) => {
    const client = new pg.Client(server);
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${space.id} CASCADE`);
    await client.end();
  },
  client: {
    open: () => new pg.Pool({ connectionString: server }),
    store: (pool, space, options) => new PostgresTokenStore({ pool, schema: space.id, ...options }),
    isOpen: async (pool) => (await pool.query("SELECT 1")).rowCount === 1,
    close: (pool) => pool.end(),
  },
  faults: proxy,
};
