// Bad days for a backend that has no server: what it is asked goes by a line that can be cut, frozen and so on.
import { setTimeout as sleep } from "node:timers/promises";

const METHODS = ["open", "read", "insert", "replace", "remove", "clear", "scan"];
const WRITES = ["insert", "replace", "remove", "clear"];

/** The state of the line between the stores of one module and their backend. */
export class Disruptions {
  #isGone = false;
  #isFrozen = false;
  #losesReply = false;
  #cuts = 0;

  means = {
    cut: () => void this.#cuts++,
    loseReply: () => {
      this.#losesReply = true;
    },
    stop: () => {
      this.#isGone = true;
    },
    start: () => {
      this.#isGone = false;
    },
    freeze: () => {
      this.#isFrozen = true;
    },
    thaw: () => {
      this.#isFrozen = false;
    },
  };

  /** Lets every call of this backend go by the line. */
  reach(backend) {
    for (const method of METHODS) {
      const original = backend[method].bind(backend);
      backend[method] = (...args) => {
        if (!this.#isDisturbed) return original(...args);
        return this.#disturbed(() => original(...args), WRITES.includes(method));
      };
    }
  }

  /** Once anything was disturbed, every call takes the time of a round trip. */
  get #isDisturbed() {
    return this.#isGone || this.#isFrozen || this.#losesReply || this.#cuts > 0;
  }

  async #disturbed(call, isWrite) {
    if (this.#isGone) throw new Error("connection refused");
    while (this.#isFrozen) await sleep(20);
    const cuts = this.#cuts;
    const result = await call();
    if (isWrite && this.#losesReply) {
      this.#losesReply = false;
      throw new Error("connection lost");
    }
    await sleep(1);
    if (this.#cuts !== cuts) throw new Error("connection lost");
    return result;
  }
}
