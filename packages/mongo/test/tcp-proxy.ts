import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy in front of a server, to do to connections what networks do to them. */
export class TcpProxy {
  readonly #target: () => { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #dropsReplies = false;

  /** @param target where the server is now: a container that is started again has another port */
  constructor(target: () => { host: string; port: number }) {
    this.#target = target;
  }

  async listen(): Promise<number> {
    const server = createServer((client) => {
      const upstream = connect(this.#target());
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        const other = socket === client ? upstream : client;
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
      client.on("data", (data) => upstream.write(data));
      upstream.on("data", (data) => {
        if (!this.#dropsReplies) client.write(data);
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#server = server;
    this.#port = (server.address() as { port: number }).port;
    return this.#port;
  }

  /** Requests still arrive, and no answer comes back. */
  dropReplies(on: boolean): void {
    this.#dropsReplies = on;
    if (!on) this.cut(); // what was swallowed is missing in the streams
  }

  /** Cuts every connection that there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts everything and takes no new connection. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
