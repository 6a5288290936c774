import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { DisruptionMeans } from "./case.js";

/** A TCP proxy with the means to disturb what goes through it: hand it to the kit as a module's `disruptions`. */
export interface TcpProxy extends Required<DisruptionMeans> {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  cut(): void;
  loseReply(): void;
  stop(): void;
  start(): void;
  freeze(): void;
  thaw(): void;
  /** Cuts every connection and listens no more. Not needed at the end: it keeps no process alive. */
  close(): Promise<void>;
}

/**
 * Starts a proxy in front of a server, for a store that reaches it by TCP: let the store connect to
 * `127.0.0.1` and to the proxy's port. Where the server tells its clients other addresses, as the members of
 * a cluster do, they pass the proxy by.
 * @param host the server's host
 * @param port its port, or what gives it at each new connection, for a server that may come back elsewhere
 * @returns the proxy, once it listens
 */
export async function startProxy(host: string, port: number | (() => number)): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isStopped = false;
  let isFrozen = false;
  let losesReply = false;

  const cut = (): void => {
    // a reset, as when a host is gone: neither side can take it for a proper end
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const pass = (from: Socket, to: Socket, isReply: boolean): void => {
    sockets.add(from);
    from.on("data", (data) => {
      if (isReply && losesReply) {
        losesReply = false;
        to.resetAndDestroy();
        return;
      }
      to.write(data);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroySoon(); // what came before the end goes out
    });
    if (isFrozen) from.pause();
  };
  const server = createServer((client) => {
    if (isStopped) return void client.resetAndDestroy();
    const upstream = connect(typeof port === "function" ? port() : port, host);
    pass(client, upstream, false);
    pass(upstream, client, true);
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    loseReply() {
      losesReply = true;
    },
    stop() {
      isStopped = true;
      cut();
    },
    start() {
      isStopped = false;
    },
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
