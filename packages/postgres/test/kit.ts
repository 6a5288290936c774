import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";

/**
 * The kit on one server. In this process the stores reach it through a proxy, which disturbs the connections.
 * @param only the sections to run; all of them by default
 */
export async function runKitOn(name: "postgres" | "pgbouncer", only?: readonly string[]): Promise<void> {
  await describeOnServer(name, async ({ url, container }) => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, () => container?.getMappedPort(5432) ?? Number(port || 5432));
    afterAll(() => proxy.close());
    process.env.POSTGRES_URL = url;
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    const module = new URL("./store.mjs", import.meta.url);
    await registerConformance(module, { describe, it }, only === undefined ? {} : { only });
  });
}
