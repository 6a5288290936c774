import { lookup } from "node:dns/promises";
import { registerConformance, startProxy, type TcpProxy } from "@tokenkeep/conformance";
import { describeOnServer, type TestServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";
import { describeOnReplicaSet } from "./replica-set.js";

/** Registers the same tests for every server of MongoDB's protocol. What is not available is reported. */
export async function describeOnEach(register: (server: TestServer) => void | Promise<void>): Promise<void> {
  for (const name of ["ferretdb", "mongodb"] as const) await describeOnServer(name, register);
  await describeOnReplicaSet(register);
}

/** The kit on one server. In this process the stores reach it through a proxy that the kit disturbs. */
export async function registerKitOn(
  server: TestServer,
  module: URL = new URL("./store.mjs", import.meta.url),
  only?: readonly string[],
): Promise<void> {
  const proxy = await proxied(server);
  afterAll(() => proxy?.close());
  process.env.TOKENKEEP_MONGO_TEST_URL = server.url;
  Object.assign(globalThis, { [Symbol.for("tokenkeep.test.proxy")]: proxy });
  await registerConformance(module, { describe, it }, { only });
}

/** A proxy in front of a server, and the URL that leads through it. */
export type ProxiedServer = TcpProxy & { readonly url: string };

/**
 * Whether a client connects to the host in its URL. The members of a replica set tell the driver their own addresses,
 * so that it bypasses a proxy.
 */
export function isSingleServer(url: string): boolean {
  return /^mongodb:\/\/[^,]*$/.test(url) && !/[?&]replicaSet=/i.test(url);
}

/** Puts a proxy in front of a server, unless clients would bypass it. */
export async function proxied({ url, container }: TestServer): Promise<ProxiedServer | undefined> {
  if (!isSingleServer(url)) return undefined;
  const { hostname, port } = new URL(url);
  const { address } = await lookup(hostname.replace(/^\[|\]$/g, ""));
  const proxy = await startProxy(address, () => container?.getMappedPort(27017) ?? Number(port || 27017));
  const through = Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) });
  return { ...proxy, url: through.href };
}

let count = 0;

/** A collection that nothing else uses. */
export function freshName(): string {
  return `test_${process.pid}_${Date.now()}_${count++}`;
}
