// Saves one record again and again, and prints each revision that was acknowledged: <path> <id> <count>
import { FileTokenStore } from "@tokenkeep/file";

const [path, id, count] = process.argv.slice(2);
const store = new FileTokenStore(path);
for (let n = 1; n <= Number(count); n++) {
  try {
    const { revision } = await store.saveToken({ id, refreshToken: `${id} ${"x".repeat(200)} ${n}` });
    process.stdout.write(`${revision}\n`);
  } catch (error) {
    process.stdout.write(`${error.code} ${error.cause?.code}\n`);
    break;
  }
}
await store.close();
