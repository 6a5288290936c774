import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { isBusy, openDatabase } from "./driver.mjs";

/** As patient as an app has to be: where several open a new file at once, SQLite does not wait for each. */
function openApp(path) {
  const database = openDatabase(path, { timeout: 100 });
  for (const end = Date.now() + 10_000; ; ) {
    try {
      database.exec("PRAGMA journal_mode = WAL");
      database.exec("CREATE TABLE IF NOT EXISTS users (name TEXT)");
      return database;
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
    }
  }
}

// a database that the caller opened, each store's own here so that child processes can do the same
export default {
  name: "sqlite on a caller's database",
  open: (space, options) => {
    const database = openApp(join(space.directory, "app.db"));
    const store = new SqliteTokenStore({ database, ...options });
    const close = store.close.bind(store);
    store.close = async () => {
      await close();
      database.close();
    };
    return store;
  },
};
