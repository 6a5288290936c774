import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a server that can be closed and opened again. */
export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;
  #isOpen = true;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => {
      if (!this.#isOpen) return void client.resetAndDestroy();
      const upstream = connect(Number(target.port), target.hostname.replace(/^\[|\]$/g, ""));
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => {});
        one.once("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async inFrontOf(url: string): Promise<Gate> {
    const gate = new Gate(new URL(url));
    await new Promise<void>((done) => gate.#server.listen(0, "127.0.0.1", done));
    return gate;
  }

  /** The URL by which the server is reached through this gate. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  close(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  open(): void {
    this.#isOpen = true;
  }

  stop(): void {
    this.close();
    this.#server.close();
  }
}
