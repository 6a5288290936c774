import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";

const pathOf = (space) => join(space.directory, "tokens.db");

export default {
  name: "sqlite",
  open: (space, options) => new SqliteTokenStore({ path: pathOf(space), ...options }),
  client: {
    open: (space) => new Database(pathOf(space)),
    store: (database, _space, options) => new SqliteTokenStore({ database, ...options }),
    isOpen: (database) => database.open,
    close: (database) => database.close(),
  },
};
