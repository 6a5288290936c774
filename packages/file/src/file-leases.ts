import { type Leases, opaqueKey } from "@tokenkeep/core";
import { now } from "./clock.js";
import { LeaseState } from "./lease-state.js";
import { Log } from "./log.js";

/**
 * Leases as lines of a log beside the tokens' own, made when the first lock is asked for. They need not
 * survive a power cut, so their lines are not flushed. Owners are random: no process id is in it.
 */
export class FileLeases implements Leases {
  readonly #namespace: string;
  #log: Log<LeaseState> | undefined;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** @param like the tokens' file: whoever may open that needs the locks too */
  open(path: string, like: string): void {
    this.#log = new Log(path, { kind: "locks", newState: () => new LeaseState(), flushes: false, like });
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  async acquire(key: string, owner: string, leaseMs: number, placeMs: number): Promise<number | null> {
    const log = this.#log!;
    const own = this.#own(key);
    // `time` is for the fence
    const ask = { op: "acquire", key: own, owner, leaseMs, placeMs, time: Date.now() };
    if (!(await log.append(() => ({ ...ask, ...now() })))) return null;
    const lease = (await log.read()).get(own);
    return lease?.owner === owner ? lease.fence : null;
  }

  renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const own = this.#own(key);
    return this.#log!.append(() => ({ op: "renew", key: own, owner, leaseMs, ...now() }));
  }

  async release(key: string, owner: string): Promise<boolean> {
    const own = this.#own(key);
    let wasHolder = false;
    await this.#log!.append((state) => {
      const line = { op: "release", key: own, owner, ...now() };
      wasHolder = state.isHolder(line);
      return line;
    });
    return wasHolder;
  }

  #own(key: string): string {
    return this.#namespace === "" ? key : opaqueKey(this.#namespace, key);
  }
}
