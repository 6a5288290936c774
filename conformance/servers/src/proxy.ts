import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy that can do to a connection what networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Cuts every connection, and lets new ones through. */
  cut(): void;
  /** Cuts every connection, and refuses new ones until `heal`. */
  refuse(): void;
  /** Passes nothing on in either direction and closes nothing, new connections included, until `heal`. */
  freeze(): void;
  /**
   * Passes requests on, but cuts the connection in place of the next reply: what was asked is done, and
   * nobody learns of it.
   */
  loseReply(): void;
  heal(): void;
  close(): Promise<void>;
}

/**
 * Starts a proxy in front of a server.
 * @param port asked for anew with each connection, since a container that starts again may have another
 */
export async function startProxy(host: string, port: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let mode: "open" | "refuse" | "freeze" | "lose" = "open";
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((client) => {
    if (mode === "refuse") return void client.resetAndDestroy();
    const upstream = connect(port(), host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (data) => {
        if (mode === "lose" && from === upstream) {
          mode = "open";
          client.resetAndDestroy();
          return;
        }
        to.write(data);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (mode === "freeze") from.pause();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cut,
    refuse() {
      mode = "refuse";
      cut();
    },
    freeze() {
      mode = "freeze";
      for (const socket of sockets) socket.pause();
    },
    loseReply() {
      mode = "lose";
    },
    heal() {
      mode = "open";
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
