import { registerConformance, startProxy } from "@tokenkeep/conformance";
import { describeOn, describeOnServer, type ServerName } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";
import type { Topology } from "./topology.js";

/** Which sections of the kit to run, and on which ioredis. `CONFORMANCE_ONLY` in the environment has precedence. */
export interface KitOptions {
  /** All by default. What only core decides is the same on every server, topology and driver. */
  readonly only?: readonly string[];
  /** The name of a dependency. */
  readonly ioredis?: string;
}

/** The kit on a single server, through a proxy for the stores of this process. */
export function onServer(name: ServerName, options: KitOptions = {}): Promise<void> {
  return describeOnServer(name, async ({ url }) => {
    process.env.TOKENKEEP_REDIS_TEST = url;
    const { hostname, port } = new URL(url);
    const proxy = await startProxy(hostname, Number(port || 6379));
    afterAll(() => proxy.close());
    Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
    await register(options);
  });
}

/** The kit on several servers at once. */
export function onTopology(
  name: string,
  start: () => Promise<Topology>,
  target: (topology: Topology) => object,
  options: KitOptions = {},
): Promise<void> {
  return describeOn(name, start, async (topology) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify(target(topology));
    await register(options);
  });
}

function register({ only, ioredis }: KitOptions): Promise<void> {
  if (ioredis !== undefined) process.env.TOKENKEEP_TEST_IOREDIS = ioredis;
  const module = ioredis === undefined ? "../store.mjs" : "./other-ioredis.mjs";
  return registerConformance(
    new URL(module, import.meta.url),
    { describe, it },
    only === undefined ? {} : { only },
  );
}
