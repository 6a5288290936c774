import { SqliteTokenStore } from "@tokenkeep/sqlite";

export default {
  name: "sqlite in memory",
  open: (_space, options) => new SqliteTokenStore({ path: ":memory:", ...options }),
};
