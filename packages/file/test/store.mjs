import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";

export default {
  name: "file",
  open: (space, options) => new FileTokenStore({ path: join(space.directory, "tokens.jsonl"), ...options }),
};
