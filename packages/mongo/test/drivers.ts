import { type AddressInfo, createServer } from "node:net";
import { describeOnServer, nameOtherDriver } from "@tokenkeep/test-servers";
import { expect, it } from "vitest";
import { registerKitOn } from "./support.js";

/**
 * The kit on FerretDB with another version of the driver. The test file mocks `mongodb` by it, for this process.
 * @param driver the name of the version in `package.json`
 * @param only the sections to run; all where `TOKENKEEP_EVERY` is set
 */
export async function registerKitWithDriver(driver: string, only: readonly string[]): Promise<void> {
  await describeOnServer("ferretdb", async (server) => {
    process.env.TOKENKEEP_MONGO_TEST_URL = server.url;
    const module = new URL("./driver.mjs", import.meta.url);
    const version = nameOtherDriver("mongodb", driver, module);

    it(`the clients of this process are of ${driver}`, async () => {
      const { default: stores } = await import(module.href);
      // What the driver says of itself to a server that only listens.
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
      expect(hello).toContain(version);
    });

    await registerKitOn(server, module, process.env.TOKENKEEP_EVERY ? undefined : only);
  });
}
