import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { ModuleError } from "./candidate.js";
import type { DisruptionMeans } from "./case.js";

/** A TCP proxy that can disturb what goes through it: pass it to the kit as a module's `disruptions`. */
export interface TcpProxy extends Required<Omit<DisruptionMeans, "restart" | "failover">> {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  cut(): void;
  loseReply(skip?: number): void;
  stop(): void;
  freeze(): void;
  mute(): void;
  restore(): void;
  /** Cuts every connection and stops listening. Optional: the proxy keeps no process alive. */
  close(): Promise<void>;
}

type Mode = "pass" | "stopped" | "frozen" | "muted";

/** A client's connection and the server's, with what the proxy has to know about them. */
interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Whether the client has sent something since {@link TcpProxy.loseReply}. */
  wasAsked: boolean;
}

/**
 * Starts a proxy in front of a server, for a store that connects to it by TCP: let the store connect to
 * `127.0.0.1` and the proxy's port. If the server tells its clients other addresses, as the members of a cluster do,
 * they bypass the proxy.
 * @param host the server's host
 * @param port its port, or a function that returns it for each new connection, for a server that may come back on
 *   another port. A connection is refused while there is no valid port
 * @returns the proxy, once it listens
 * @throws ModuleError for what is no host or port
 */
export async function startProxy(host: string, port: number | (() => number)): Promise<TcpProxy> {
  if (typeof host !== "string" || host === "")
    throw new ModuleError("startProxy: host must be a host's name.");
  if (typeof port !== "number" && typeof port !== "function") {
    throw new ModuleError("startProxy: port must be a number, or a function that returns one.");
  }
  const pairs = new Set<Pair>();
  const mutedClients = new Set<Socket>();
  let mode: Mode = "pass";
  /** How many replies get through before one is lost; undefined: none is lost. */
  let repliesLeft: number | undefined;

  const cut = (): void => {
    // A reset, as if the host were gone: neither side can take it for a proper end.
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    for (const client of mutedClients) client.resetAndDestroy();
  };
  const stop = (): void => {
    mode = "stopped";
    cut();
  };
  /** @returns whether this reply is the one to lose */
  const losesReply = (pair: Pair): boolean => {
    if (repliesLeft === undefined || !pair.wasAsked) return false;
    pair.wasAsked = false;
    return repliesLeft-- === 0;
  };
  const forward = (from: Socket, to: Socket): void => {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroySoon()); // what came before the end still goes out
  };
  const portNow = (): unknown => {
    try {
      return typeof port === "function" ? port() : port;
    } catch {
      return undefined; // such as that of a container that is gone
    }
  };
  const server = createServer((client) => {
    client.on("error", () => {});
    const upstreamPort = portNow();
    if (mode === "stopped" || !isPort(upstreamPort)) return void client.resetAndDestroy();
    if (mode === "muted") {
      mutedClients.add(client.resume().unref());
      client.on("close", () => mutedClients.delete(client));
      return;
    }
    const upstream = connect(upstreamPort, host);
    const pair: Pair = { client, upstream, wasAsked: false };
    pairs.add(pair);
    client.on("data", (data) => {
      pair.wasAsked = true;
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (losesReply(pair)) stop();
      else client.write(data);
    });
    forward(client, upstream);
    forward(upstream, client);
    client.on("close", () => pairs.delete(pair));
    if (mode === "frozen") pause(pair);
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    loseReply(skip = 0) {
      for (const pair of pairs) pair.wasAsked = false;
      repliesLeft = skip;
    },
    stop,
    freeze() {
      mode = "frozen";
      for (const pair of pairs) pause(pair);
    },
    mute() {
      mode = "muted";
      cut();
    },
    restore() {
      mode = "pass";
      repliesLeft = undefined;
      for (const { client, upstream } of pairs) {
        client.resume();
        upstream.resume();
      }
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

function pause({ client, upstream }: Pair): void {
  client.pause();
  upstream.pause();
}

/** A test's server that has not started yet, or is gone, has none. */
function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) > 0 && (port as number) < 65_536;
}
