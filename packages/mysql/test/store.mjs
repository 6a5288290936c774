// The kit's module. The server's URL comes from the test file through the environment, which the kit's child
// processes inherit. The proxy exists in the test file's own process alone: child processes reach the server directly.
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createConnection, createPool } from "mysql2/promise";

const url = process.env.TOKENKEEP_TEST_SQL_URL ?? process.env.MYSQL_URL;
if (!url) throw new Error("Set MYSQL_URL: mysql://user:password@host/database");

const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const storeUrl =
  proxy === undefined
    ? url
    : Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) }).href;
const tableOf = (space) => `kit_${space.id}`;

export default {
  name: "mysql",
  open: (space, options) =>
    new MysqlTokenStore({
      url: storeUrl,
      table: tableOf(space),
      clientOptions: { connectionLimit: 4 },
      ...options,
    }),
  destroy: async (space) => {
    const connection = await createConnection(url);
    await connection.query("DROP TABLE IF EXISTS ??, ??", [tableOf(space), `${tableOf(space)}_locks`]);
    await connection.end();
  },
  client: {
    open: () => createPool({ uri: storeUrl, connectionLimit: 4 }),
    store: (pool, space, options) => new MysqlTokenStore({ pool, table: tableOf(space), ...options }),
    isOpen: async (pool) => (await pool.query("SELECT 1")).length > 0,
    close: (pool) => pool.end(),
  },
  ...(proxy !== undefined && { disruptions: proxy }),
};
