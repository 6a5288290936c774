import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

export default {
  name: "sqlite",
  open: (space, options) => new SqliteTokenStore({ path: join(space.directory, "tokens.db"), ...options }),
};
