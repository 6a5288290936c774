// The kit's module. The server's URL comes from the test file through the environment, which the kit's child
// processes inherit. The proxy exists in the test file's own process alone: child processes reach the server directly.
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createConnection, createPool } from "mysql2/promise";

const url = process.env.TOKENKEEP_TEST_SQL_URL ?? process.env.MYSQL_URL;
if (!url) throw new Error("Set MYSQL_URL: mysql://user:password@host/database");

const sqlMode = process.env.TOKENKEEP_TEST_SQL_MODE;
const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const storeUrl =
  proxy === undefined
    ? url
    : Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) }).href;
const tablesOf = (space) => [`kit_${space.id}`, `kit_${space.id}_locks`];
const tableOf = (space) => tablesOf(space)[0];

async function query(sql, values) {
  const connection = await createConnection({ uri: url, rowsAsArray: true });
  try {
    const [rows] = await connection.query(sql, values);
    return rows;
  } finally {
    await connection.end();
  }
}

function openPool() {
  const pool = createPool({ uri: storeUrl, connectionLimit: 4, connectTimeout: 5000 });
  if (sqlMode !== undefined) {
    pool.pool.on("connection", (connection) => {
      connection.query(`SET SESSION sql_mode = '${sqlMode}'`, () => {});
    });
  }
  return pool;
}

/** A store on a caller's pool, whose sessions have another sql_mode. It takes the pool with it. */
class StoreWithPool extends MysqlTokenStore {
  #pool;

  constructor(options) {
    const pool = openPool();
    super({ ...options, pool });
    this.#pool = pool;
  }

  close() {
    const pool = this.#pool;
    this.#pool = undefined;
    return super.close().finally(() => pool?.end());
  }
}

export default {
  name: "mysql",
  open: (space, options) => {
    const table = tableOf(space);
    if (sqlMode !== undefined) return new StoreWithPool({ table, ...options });
    return new MysqlTokenStore({ url: storeUrl, table, clientOptions: { connectionLimit: 4 }, ...options });
  },
  destroy: (space) => query("DROP TABLE IF EXISTS ??, ??", tablesOf(space)),
  dump: async (space) => {
    const tables = await Promise.all(tablesOf(space).map((table) => query("SELECT * FROM ??", [table])));
    return tables.flat(2).map(String).join("\n"); // bytes become text
  },
  client: {
    open: () => openPool(),
    store: (pool, space, options) => new MysqlTokenStore({ pool, table: tableOf(space), ...options }),
    isOpen: async (pool) => (await pool.query("SELECT 1")).length > 0,
    close: (pool) => pool.end(),
  },
  ...(proxy !== undefined && sqlMode === undefined && { disruptions: proxy }),
};
