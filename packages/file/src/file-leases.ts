import { type Leases, opaqueKey } from "@tokenkeep/core";
import { LeaseState } from "./lease-state.js";
import { Log } from "./log.js";

/** Leases as lines of a log beside the tokens' own. They need not survive a power cut, so nothing is flushed. */
export class FileLeases implements Leases {
  readonly #log: Log;
  readonly #state: () => LeaseState;
  readonly #namespace: string;

  constructor(path: string, namespace: string) {
    let state = new LeaseState();
    this.#log = new Log(path, "locks", () => {
      state = new LeaseState();
      return state;
    });
    this.#state = () => this.#log.read() as LeaseState;
    this.#namespace = namespace;
  }

  open(): void {
    this.#log.open();
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  acquire(key: string, owner: string, leaseMs: number, placeMs: number): number | null {
    const own = this.#own(key);
    if (!this.#state().canAsk(own, owner, Date.now(), placeMs)) return null;
    const { applied } = this.#log.append({
      op: "acquire",
      key: own,
      owner,
      at: Date.now(),
      leaseMs,
      placeMs,
    });
    if (!applied) return null;
    const lease = this.#state().get(own);
    const fence = lease?.owner === owner ? lease.fence : null;
    this.#log.compactIfDue();
    return fence;
  }

  renew(key: string, owner: string, leaseMs: number): boolean {
    return this.#log.append({ op: "renew", key: this.#own(key), owner, at: Date.now(), leaseMs }).applied;
  }

  release(key: string, owner: string): boolean {
    const own = this.#own(key);
    const lease = this.#state().get(own);
    if (lease?.owner !== owner && lease?.next !== owner) return false;
    return this.#log.append({ op: "release", key: own, owner, at: Date.now() }).applied;
  }

  #own(key: string): string {
    return this.#namespace === "" ? key : opaqueKey(this.#namespace, key);
  }
}
