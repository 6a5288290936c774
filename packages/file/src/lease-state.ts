import type { Line } from "./line.js";
import type { State } from "./state.js";

interface LeaseEntry {
  owner: string | null;
  until: number;
  fence: number;
  next: string | null;
  nextUntil: number;
}

/** Who has which lease, and who is next. Times are Unix milliseconds of this machine's clock. */
export class LeaseState implements State {
  readonly #leases = new Map<string, LeaseEntry>();
  #highestFence = 0;

  get size(): number {
    return this.#leases.size + 2;
  }

  get(key: string): Readonly<LeaseEntry> | undefined {
    return this.#leases.get(key);
  }

  /** Whether a line that asks for the lease now would do anything. */
  canAsk(key: string, owner: string, now: number, placeMs: number): boolean {
    const lease = this.#leases.get(key);
    if (lease === undefined || lease.owner === owner) return true;
    const mayBeNext = lease.next === null || lease.next === owner || lease.nextUntil <= now;
    if (!mayBeNext) return false;
    if (lease.owner === null || lease.until <= now) return true;
    return lease.next !== owner || lease.nextUntil - now < placeMs / 2;
  }

  apply(line: Line): boolean {
    if (line.op === "fence") {
      this.#highestFence = Math.max(this.#highestFence, Number(line.fence));
      return true;
    }
    const key = String(line.key);
    if (line.op === "lease") {
      this.#leases.set(key, line.lease as LeaseEntry);
      return true;
    }
    const owner = String(line.owner);
    const at = Number(line.at);
    const lease = this.#leases.get(key);
    if (line.op === "acquire")
      return this.#acquire(key, owner, at, Number(line.leaseMs), Number(line.placeMs));
    if (lease === undefined) return false;
    const isHolder = lease.owner === owner && lease.until > at;
    if (line.op === "renew") {
      if (isHolder) lease.until = Math.max(lease.until, at + Number(line.leaseMs));
      return isHolder;
    }
    if (line.op !== "release") return false;
    if (lease.owner === owner) lease.owner = null;
    if (lease.next === owner) lease.next = null;
    return isHolder;
  }

  #acquire(key: string, owner: string, at: number, leaseMs: number, placeMs: number): boolean {
    const lease = this.#leases.get(key) ?? { owner: null, until: 0, fence: 0, next: null, nextUntil: 0 };
    this.#leases.set(key, lease);
    const isFree = lease.owner === null || lease.owner === owner || lease.until <= at;
    const mayBeNext = lease.next === null || lease.next === owner || lease.nextUntil <= at;
    if (lease.owner === owner || (isFree && mayBeNext)) {
      // the clock keeps it growing where the file was lost in a power cut; the highest, where the clock went back
      this.#highestFence = Math.max(this.#highestFence + 1, at);
      lease.owner = owner;
      lease.until = at + leaseMs;
      lease.fence = this.#highestFence;
      if (mayBeNext) lease.next = null;
      return true;
    }
    if (mayBeNext) {
      lease.next = owner;
      lease.nextUntil = at + placeMs;
    }
    return false;
  }

  /** Free leases are left out: the highest fence is enough for them. */
  *lines(): Generator<Line> {
    yield { op: "fence", fence: this.#highestFence };
    for (const [key, lease] of this.#leases) {
      if (lease.owner !== null || lease.next !== null) yield { op: "lease", key, lease };
    }
  }
}
