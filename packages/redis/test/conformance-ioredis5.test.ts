import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { afterAll, describe, expect, it, vi } from "vitest";
import { FaultyWay } from "./support/faulty-way.js";

const run = promisify(execFile);

// in this process; the kit's child processes have it from the module
vi.mock("ioredis", () => import("ioredis5"));

await describeOnServer("redis", async ({ url }) => {
  process.env.TOKENKEEP_REDIS_TEST = url;
  const way = await FaultyWay.start(url);
  afterAll(() => way.stop());
  Object.assign(globalThis, { [Symbol.for("tokenkeep.test.way")]: way });
  const module = new URL("./support/ioredis5.mjs", import.meta.url);

  it("the clients of this process and of others are of ioredis 5", async () => {
    const { default: stores } = await import(module.href);
    const store = stores.open({ id: "version", directory: "" });
    await store.saveToken({ refreshToken: "r" });
    const { Redis } = await import("ioredis5");
    const admin = new Redis(url);
    const clients = String(await admin.client("LIST"));
    admin.disconnect();
    expect(clients).toMatch(/lib-ver=5\./);
    expect(clients).not.toMatch(/lib-ver=6\./);
    await store.close();
    const program = `await import(${JSON.stringify(module)}); console.log(import.meta.resolve("ioredis"));`;
    const cwd = new URL(".", import.meta.url);
    const child = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd });
    expect(child.stdout).toMatch(/ioredis@5\./);
  });

  await registerConformance(module, { describe, it });
});
