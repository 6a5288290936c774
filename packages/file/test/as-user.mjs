// Runs as another user (this one is root, who may do everything): <path> [save]
import { FileTokenStore } from "@tokenkeep/file";

process.setgid(65534);
process.setuid(65534);
const [path, ...others] = process.argv.slice(2);
const allowOthers = others.includes("allowOthers");
const store = new FileTokenStore({ path, allowOthers });
const tell = async (call) => {
  try {
    await call();
    process.stdout.write("done\n");
  } catch (error) {
    process.stdout.write(`${error.code}\n`);
  }
};
await tell(() => store.getTokens());
await tell(() => store.saveToken({ id: "user", refreshToken: "user" }));
for (let n = 0; n < (others.includes("much") ? 600 : 0); n++)
  await store.saveToken({ id: "user", accessToken: `${n}` });
await tell(() => store.withLock("k", () => {}));
await store.close();
