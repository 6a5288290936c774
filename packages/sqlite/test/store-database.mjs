import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";

// a database that the caller opened, each store's own here so that child processes can do the same
export default {
  name: "sqlite on a caller's database",
  open: (space, options) => {
    const database = new Database(join(space.directory, "app.db"), { timeout: 100 });
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE IF NOT EXISTS users (name TEXT)");
    const store = new SqliteTokenStore({ database, ...options });
    const close = store.close.bind(store);
    store.close = async () => {
      await close();
      database.close();
    };
    return store;
  },
};
