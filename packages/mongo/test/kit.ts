import { registerConformance } from "@tokenkeep/conformance";
import type { TestServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";
import { proxied } from "./proxied.js";

/** The kit on one server. In this process the stores reach it through a proxy, which `faults` disturbs. */
export async function registerKitOn(
  server: TestServer,
  module: URL = new URL("./store.mjs", import.meta.url),
): Promise<void> {
  const proxy = await proxied(server);
  afterAll(() => proxy?.close());
  process.env.TOKENKEEP_MONGO_TEST_URL = server.url;
  Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
  await registerConformance(module, { describe, it });
}
