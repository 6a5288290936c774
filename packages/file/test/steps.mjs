// Does one thing to a file, step by step, so that a fault can meet it: <what> <path>
import { FileTokenStore } from "@tokenkeep/file";

const [what, path] = process.argv.slice(2);
const store = new FileTokenStore(path);
const save = async () => {
  const { revision } = await store.saveToken({ id: "child", refreshToken: "child" });
  process.stdout.write(`${revision}\n`);
};
if (what === "open") {
  globalThis.faultsFrom();
  await store.getTokens();
  await save();
} else if (what === "find") {
  await store.findTokenById("a");
  globalThis.faultsFrom();
  for (let n = 0; n < 5; n++) await store.findToken({ refreshToken: "a" });
} else {
  await store.getTokens();
  globalThis.faultsFrom();
  await save(); // `compact`: the test made the file so long that this is the save which is followed by a compaction
}
await store.close();
