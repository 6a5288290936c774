// Runs as another user than root, who may do everything: <path> [allowOthers] [often]
import { FileTokenStore } from "@tokenkeep/file";

process.setgid(65534);
process.setuid(65534);
const [path, ...options] = process.argv.slice(2);
const store = new FileTokenStore({ path, allowOthers: options.includes("allowOthers") });
const report = async (call) => {
  try {
    await call();
    process.stdout.write("done\n");
  } catch (error) {
    process.stdout.write(`${error.code}\n`);
  }
};
await report(() => store.getTokens());
await report(() => store.saveToken({ id: "user", refreshToken: "user" }));
for (let n = 0; n < (options.includes("often") ? 600 : 0); n++) {
  await store.saveToken({ id: "user", accessToken: `${n}` });
}
await report(() => store.withLock("k", () => {}));
await store.close();
