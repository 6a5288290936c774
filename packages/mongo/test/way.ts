import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that knows the connections on it. */
export interface Way {
  readonly url: string;
  /** The clients' ends of the connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** The most that were open at once; can be set back. */
  most: number;
  close(): Promise<void>;
}

/** @param url one that `staysOnItsWay` */
export async function wayTo(url: string): Promise<Way> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, ""); // an IPv6 address
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(port || 27017), host);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on("error", () => {});
    upstream.on("close", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      upstream.destroy();
    });
    sockets.add(socket);
    way.most = Math.max(way.most, sockets.size);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = { hostname: "127.0.0.1", port: String((server.address() as AddressInfo).port) };
  const way: Way = {
    url: Object.assign(new URL(url), address).href,
    sockets,
    most: 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return way;
}
