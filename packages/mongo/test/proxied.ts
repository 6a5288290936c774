import { lookup } from "node:dns/promises";
import { startProxy, type TcpProxy } from "@tokenkeep/conformance";
import type { TestServer } from "@tokenkeep/test-servers";

/** A proxy in front of a server, and the URL that leads through it. */
export type ProxiedServer = TcpProxy & { readonly url: string };

/**
 * Whether a client stays on the way that its URL tells: of a replica set the driver learns the members' own
 * addresses, and passes a proxy by.
 */
export function staysOnItsWay(url: string): boolean {
  return /^mongodb:\/\/[^,]*$/.test(url) && !/[?&]replicaSet=/i.test(url);
}

/** Puts a proxy in front of a server, unless clients would pass it by. */
export async function proxied({ url, container }: TestServer): Promise<ProxiedServer | undefined> {
  if (!staysOnItsWay(url)) return undefined;
  const { hostname, port } = new URL(url);
  const { address } = await lookup(hostname);
  const proxy = await startProxy(address, () => container?.getMappedPort(27017) ?? Number(port || 27017));
  const through = Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) });
  return { ...proxy, url: through.href };
}
