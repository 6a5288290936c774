import { lookup } from "node:dns/promises";
import { startProxy, type TcpProxy, type TestServer } from "@tokenkeep/test-servers";

/** A proxy in front of a server, and the URL that leads through it. */
export type ProxiedServer = TcpProxy & { readonly url: string };

/**
 * Puts a proxy in front of a server, unless its URL names several hosts or leaves the hosts to the driver: of
 * a replica set the driver learns the members' own addresses, and passes the proxy by.
 */
export async function proxied({ url, container }: TestServer): Promise<ProxiedServer | undefined> {
  if (!/^mongodb:\/\/[^,]*$/.test(url) || /[?&]replicaSet=/i.test(url)) return undefined;
  const { hostname, port } = new URL(url);
  const { address } = await lookup(hostname);
  const proxy = await startProxy(address, () => container?.getMappedPort(27017) ?? Number(port || 27017));
  const through = Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) });
  return { ...proxy, url: through.href };
}
