import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOnServer, nameOtherDriver } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";

export interface KitOptions {
  /** The `sql_mode` of every session; by default the server's. */
  readonly sqlMode?: string;
  /** The sections to run; by default all, and all where `TOKENKEEP_EVERY` is set. */
  readonly only?: readonly string[];
  /** Another version of the driver, as `package.json` names it. The test file mocks mysql2 by it. */
  readonly driver?: string;
}

/** The kit on one server. In this process the stores reach it through a proxy, which disturbs the connections. */
export async function runKitOn(
  name: "mysql" | "mariadb",
  { sqlMode, only, driver }: KitOptions = {},
): Promise<void> {
  await describeOnServer(name, async ({ url, container }) => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, () => container?.getMappedPort(3306) ?? Number(port || 3306));
    afterAll(() => proxy.close());
    process.env.TOKENKEEP_TEST_SQL_URL = url;
    if (sqlMode !== undefined) process.env.TOKENKEEP_TEST_SQL_MODE = sqlMode;
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    const module = new URL(driver === undefined ? "store.mjs" : "other-driver.mjs", import.meta.url);
    if (driver !== undefined) nameOtherDriver("mysql2", driver, module);
    const runsAll = only === undefined || Boolean(process.env.TOKENKEEP_EVERY);
    await registerConformance(module, { describe, it }, runsAll ? {} : { only });
  });
}
