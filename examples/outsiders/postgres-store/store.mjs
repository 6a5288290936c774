import pg from "pg";
import { PostgresTokenStore } from "./dist/index.js";

const server = process.env.POSTGRES_URL;
if (!server) throw new Error("Set POSTGRES_URL: postgres://user:password@host/database");

// the connections of this process have a name of their own, so that `cut` can find them
const application = `conformance_${process.pid}`;
const url = new URL(server);
url.searchParams.set("application_name", application);

export default {
  name: "postgres-token-store",
  open: (space, options) => new PostgresTokenStore({ url: url.href, schema: space.id, ...options }),
  destroy: (space) => query(`DROP SCHEMA IF EXISTS ${space.id} CASCADE`),
  client: {
    open: () => new pg.Pool({ connectionString: server }),
    store: (pool, space, options) => new PostgresTokenStore({ pool, schema: space.id, ...options }),
    isOpen: (pool) =>
      pool.query("SELECT 1").then(
        () => true,
        () => false,
      ),
    close: (pool) => pool.end(),
  },
  faults: {
    cut: () =>
      query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", [
        application,
      ]),
  },
};

async function query(sql, values) {
  const client = new pg.Client(server);
  await client.connect();
  try {
    await client.query(sql, values);
  } finally {
    await client.end();
  }
}
