import { execFile } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { promisify } from "node:util";
import { describeOnServer } from "@tokenkeep/test-servers";
import { expect, it, vi } from "vitest";
import { registerKitOn } from "./kit.js";

const run = promisify(execFile);

// in this process; the kit's child processes have it from the module
vi.mock("mongodb", () => import("mongodb6"));

await describeOnServer("ferretdb", async (server) => {
  process.env.TOKENKEEP_MONGO_TEST_URL = server.url;
  const module = new URL("./mongodb6.mjs", import.meta.url);

  it("the clients of this process and of others are of mongodb 6", async () => {
    const { default: stores } = await import(module.href);
    // what the driver tells of itself to a server that only listens
    let hello = "";
    const listener = createServer((socket) =>
      socket.on("data", (data) => (hello += data.toString("latin1"))),
    );
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const url = `mongodb://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
    const store = stores.open({ id: "version", directory: "" }, { url, timeoutMs: 300 });
    await expect(store.findTokenById("x")).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    await store.close();
    listener.close();
    expect(hello).toMatch(/nodejs.{1,40}6\.\d+\.\d+/s);

    const program = `await import(${JSON.stringify(module)}); console.log(import.meta.resolve("mongodb"));`;
    const cwd = new URL(".", import.meta.url);
    const env = { ...process.env, TOKENKEEP_MONGO_TEST_URL: server.url };
    const child = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd, env });
    expect(child.stdout).toMatch(/mongodb@6\./);
  });

  await registerKitOn(server, module);
});
