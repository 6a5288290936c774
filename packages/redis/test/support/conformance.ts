import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOn, describeOnServer, type ServerName } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";
import type { Topology } from "./topology.js";

const STORE = new URL("../store.mjs", import.meta.url);

/** The kit on a single server, through a proxy for the stores of this process. */
export function onServer(name: ServerName, store: URL = STORE): Promise<void> {
  return describeOnServer(name, async ({ url }) => {
    process.env.TOKENKEEP_REDIS_TEST = url;
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, Number(port || 6379));
    afterAll(() => proxy.close());
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    await registerConformance(store, { describe, it });
  });
}

/** The kit on several servers at once. */
export function onTopology(
  name: string,
  start: () => Promise<Topology>,
  target: (topology: Topology) => object,
  store: URL = STORE,
): Promise<void> {
  return describeOn(name, start, async (topology) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify(target(topology));
    await registerConformance(store, { describe, it });
  });
}

/** The store's module on another version of ioredis, which is a dependency under this name. */
export function otherIoredis(name: string): URL {
  process.env.TOKENKEEP_TEST_IOREDIS = name;
  return new URL("./other-ioredis.mjs", import.meta.url);
}
