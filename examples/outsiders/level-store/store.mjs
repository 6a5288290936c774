import { join } from "node:path";
import { LevelTokenStore } from "./level-token-store.mjs";

export default {
  name: "level-token-store",
  open: ({ directory }, options) => new LevelTokenStore({ path: join(directory, "tokens"), ...options }),
};
