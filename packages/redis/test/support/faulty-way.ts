import { once } from "node:events";
import { type AddressInfo, createServer, connect as open, type Server, type Socket } from "node:net";

/** A way to the server that can fail as networks do. */
export class FaultyWay {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  readonly #stranded = new Set<Socket>();
  #loseReplyTo: string | undefined;
  #isLosing = false;
  #isRefusing = false;
  #isFrozen = false;
  /** How many replies were lost. */
  lost = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async start(target: string): Promise<FaultyWay> {
    const proxy = new FaultyWay(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request that has this text reaches the server, its reply is lost, and the connection with it. */
  loseReplyTo(text: string): void {
    this.#loseReplyTo = text;
  }

  /** The next reply is lost, whatever it is to. */
  loseNextReply(): void {
    this.#isLosing = true;
  }

  /** Ends every connection, and takes no new one. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  /** Lets nothing through, in either direction, and nobody knows. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Lets nothing through on the connections that there are, for ever, and nobody knows. New ones work. */
  strand(): void {
    for (const socket of this.#sockets) {
      socket.pause();
      this.#sockets.delete(socket);
      this.#stranded.add(socket);
    }
  }

  /** The end of {@link refuse} and {@link freeze}. */
  heal(): void {
    this.#isRefusing = false;
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    for (const socket of this.#stranded) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    if (this.#isRefusing) return void client.destroy();
    const server = open(Number(this.#target.port), this.#target.hostname);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (data) => {
      if (this.#loseReplyTo !== undefined && data.includes(this.#loseReplyTo)) {
        this.#loseReplyTo = undefined;
        this.#isLosing = true;
      }
      server.write(data);
    });
    server.on("data", (data) => {
      if (!this.#isLosing) return void client.write(data);
      this.#isLosing = false;
      this.lost++;
      client.destroy();
    });
    if (this.#isFrozen) for (const socket of [client, server]) socket.pause();
  }
}
