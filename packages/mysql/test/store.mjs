// The kit's module. The server's URL comes from the test file through the environment, which the kit's
// child processes inherit.
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createConnection } from "mysql2/promise";

const url = process.env.TOKENKEEP_TEST_SQL_URL ?? process.env.MYSQL_URL;
if (url === undefined)
  throw new Error("Set MYSQL_URL to the URL of a server: mysql://user:password@host/database.");
const tableOf = (space) => `kit_${space.id}`;

export default {
  name: "mysql",
  open: (space, options) =>
    new MysqlTokenStore({ url, table: tableOf(space), connectionLimit: 4, ...options }),
  destroy: async (space) => {
    const connection = await createConnection(url);
    await connection.query("DROP TABLE IF EXISTS ??, ??", [tableOf(space), `${tableOf(space)}_locks`]);
    await connection.end();
  },
};
