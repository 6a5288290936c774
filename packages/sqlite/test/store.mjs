import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { isOpen, openDatabase } from "./driver.mjs";

const pathOf = (space) => join(space.directory, "tokens.db");

export default {
  name: "sqlite",
  open: (space, options) => new SqliteTokenStore({ path: pathOf(space), ...options }),
  // The database, its WAL and its index: whatever there is.
  dump: async ({ directory }) => {
    const files = (await readdir(directory)).filter((name) => name.startsWith("tokens.db"));
    return Buffer.concat(await Promise.all(files.map((name) => readFile(join(directory, name)))));
  },
  client: {
    open: (space) => openDatabase(pathOf(space)),
    store: (database, _space, options) => new SqliteTokenStore({ database, ...options }),
    isOpen,
    close: (database) => database.close(),
  },
};
