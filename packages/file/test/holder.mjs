// Holds a lock until it is lost, and prints its fencing token, then the error: <path> <key> <leaseMs>
import { once } from "node:events";
import { FileTokenStore } from "@tokenkeep/file";

const [path, key, leaseMs] = process.argv.slice(2);
const store = new FileTokenStore({ path, leaseMs: Number(leaseMs) });
try {
  await store.withLock(key, async (lease) => {
    process.stdout.write(`${lease.fence}\n`);
    const stay = setInterval(() => {}, 1000);
    await once(lease.signal, "abort");
    clearInterval(stay);
  });
} catch (error) {
  process.stdout.write(`${error.code}\n`);
}
await store.close();
