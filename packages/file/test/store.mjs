import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";

export default {
  name: "file",
  open: (space, options) => new FileTokenStore({ path: join(space.directory, "tokens.jsonl"), ...options }),
  // The file, that of the locks, and whatever else was left.
  dump: async ({ directory }) => {
    const files = await readdir(directory);
    return Buffer.concat(await Promise.all(files.map((name) => readFile(join(directory, name)))));
  },
};
