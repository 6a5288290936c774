import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";

/**
 * The kit on one server. In this process the stores reach it through a proxy, which disturbs the connections.
 * @param options the sql_mode of every session, by default the server's; and the sections to run, by default all
 */
export async function runKitOn(
  name: "mysql" | "mariadb",
  { sqlMode, only }: { sqlMode?: string; only?: readonly string[] } = {},
): Promise<void> {
  await describeOnServer(name, async ({ url, container }) => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, () => container?.getMappedPort(3306) ?? Number(port || 3306));
    afterAll(() => proxy.close());
    process.env.TOKENKEEP_TEST_SQL_URL = url;
    if (sqlMode !== undefined) process.env.TOKENKEEP_TEST_SQL_MODE = sqlMode;
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    const module = new URL("./store.mjs", import.meta.url);
    await registerConformance(module, { describe, it }, only === undefined ? {} : { only });
  });
}
