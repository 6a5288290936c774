import { setTimeout as sleep } from "node:timers/promises";

/** How long a server may take to say goodbye, in milliseconds. */
const GOODBYE_MS = 1000;

/** The part of a socket that is used. */
export interface ClosingSocket {
  /**
   * Listens for its end.
   * @param event that it is closed
   * @param listener called once
   * @returns nothing that is used
   */
  once(event: "close", listener: () => void): unknown;
}

/** The sockets of a pool that a store made, so that it can close although its server is frozen. */
export class Sockets {
  readonly #cuts = new Map<ClosingSocket, () => void>();

  /**
   * Remembers a socket until it is closed.
   * @param socket the socket of a new connection
   * @param cut closes it at once, whatever it waits for
   */
  add(socket: ClosingSocket, cut: () => void): void {
    this.#cuts.set(socket, cut);
    socket.once("close", () => this.#cuts.delete(socket));
  }

  /**
   * Waits until the pool has ended, but not for a server that is frozen or a connection that is broken already; then
   * cuts what is left.
   * @param ended settles when every connection is closed
   */
  async close(ended: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const limit = sleep(GOODBYE_MS, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([ended.catch(() => {}), limit]);
    over.abort();
    for (const cut of this.#cuts.values()) cut();
  }
}
