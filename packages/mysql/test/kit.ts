import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";

/**
 * The kit on one server. In this process the stores reach it through a proxy, which disturbs the connections.
 * @param sqlMode the sql_mode of every session; the server's by default
 */
export async function runKitOn(name: "mysql" | "mariadb", sqlMode?: string): Promise<void> {
  await describeOnServer(name, async ({ url, container }) => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, () => container?.getMappedPort(3306) ?? Number(port || 3306));
    afterAll(() => proxy.close());
    process.env.TOKENKEEP_TEST_SQL_URL = url;
    if (sqlMode !== undefined) process.env.TOKENKEEP_TEST_SQL_MODE = sqlMode;
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
  });
}
