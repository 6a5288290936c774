// Does one thing to a file, which can be disrupted at each of its steps: <what> <path>
import { FileTokenStore } from "@tokenkeep/file";

const [what, path] = process.argv.slice(2);
const store = new FileTokenStore(path);
const save = async () => {
  try {
    const { revision } = await store.saveToken({ id: "child", refreshToken: "child" });
    process.stdout.write(`${revision}\n`);
  } catch (error) {
    process.stdout.write(`${error.code} ${error.uncertain}\n`);
  }
};
if (what === "open") {
  globalThis.disruptFromHere();
  await store.getTokens();
  await save();
} else if (what === "find") {
  await store.findTokenById("a");
  globalThis.disruptFromHere();
  for (let n = 0; n < 5; n++) await store.findToken({ refreshToken: "a" });
} else {
  // The test made the file so long that this save is followed by a compaction.
  await store.getTokens();
  globalThis.disruptFromHere();
  await save();
}
await store.close();
