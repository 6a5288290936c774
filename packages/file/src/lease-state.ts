import type { Line } from "./line.js";
import type { State } from "./state.js";

interface LeaseEntry {
  /** Which clock the times are of: see `clock.ts`. */
  clock: string;
  owner: string | null;
  until: number;
  fence: number;
  next: string | null;
  nextUntil: number;
}

/** Who has which lease, and who is next. */
export class LeaseState implements State {
  readonly #leases = new Map<string, LeaseEntry>();
  #highestFence = 0;

  get size(): number {
    return this.#leases.size + 2;
  }

  get(key: string): Readonly<LeaseEntry> | undefined {
    return this.#leases.get(key);
  }

  /** Whether the lease is `owner`'s at the time of this line. */
  isHolder(line: Line): boolean {
    const lease = this.#leases.get(String(line.key));
    return lease !== undefined && lease.owner === line.owner && !isFree(lease, line);
  }

  allows(line: Line): boolean {
    const lease = this.#leases.get(String(line.key));
    const { owner } = line;
    switch (line.op) {
      case "acquire": {
        if (lease === undefined || lease.owner === owner) return true;
        if (!mayBeNext(lease, line)) return false;
        // the place in line is asked for again in time only
        const hasPlace =
          lease.next === owner && lease.nextUntil - Number(line.at) >= Number(line.placeMs) / 2;
        return !hasPlace || isFree(lease, line);
      }
      case "renew":
        return this.isHolder(line);
      case "release":
        return lease !== undefined && (lease.owner === owner || lease.next === owner);
      default:
        return false;
    }
  }

  apply(line: Line): boolean {
    const key = String(line.key);
    if (line.op === "fence") {
      this.#highestFence = Math.max(this.#highestFence, Number(line.fence));
      return true;
    }
    if (line.op === "lease") {
      this.#leases.set(key, { ...(line.lease as LeaseEntry) });
      return true;
    }
    if (!this.allows(line)) return false;
    const lease = this.#leases.get(key) ?? newLease();
    switch (line.op) {
      case "acquire":
        this.#leases.set(key, lease);
        this.#acquire(lease, line);
        break;
      case "renew":
        lease.until = Math.max(lease.until, Number(line.at) + Number(line.leaseMs));
        break;
      default:
        if (lease.owner === line.owner) lease.owner = null;
        if (lease.next === line.owner) lease.next = null;
        if (lease.owner === null && lease.next === null) this.#leases.delete(key);
    }
    return true;
  }

  #acquire(lease: LeaseEntry, line: Line): void {
    const owner = String(line.owner);
    const at = Number(line.at);
    const isNext = mayBeNext(lease, line);
    if (lease.owner === owner || isFree(lease, line)) {
      // `time` keeps it growing where the file was lost in a power cut; the highest, where that clock was set back
      this.#highestFence = Math.max(this.#highestFence + 1, Number(line.time));
      lease.owner = owner;
      lease.until = at + Number(line.leaseMs);
      lease.fence = this.#highestFence;
      if (isNext) lease.next = null;
    } else {
      lease.next = owner;
      lease.nextUntil = at + Number(line.placeMs);
    }
    lease.clock = String(line.clock);
  }

  /** Free leases are not there any more: the highest fence is enough for them. */
  snapshot(): Iterable<Line> {
    const lines: Line[] = [{ op: "fence", fence: this.#highestFence }];
    for (const [key, lease] of this.#leases) lines.push({ op: "lease", key, lease: { ...lease } });
    return lines;
  }

  beginFile(): void {}
}

function newLease(): LeaseEntry {
  return { clock: "", owner: null, until: 0, fence: 0, next: null, nextUntil: 0 };
}

function isFree(lease: LeaseEntry, { clock, at }: Line): boolean {
  return lease.owner === null || lease.clock !== clock || lease.until <= Number(at);
}

function mayBeNext(lease: LeaseEntry, { clock, at, owner }: Line): boolean {
  const { next, nextUntil } = lease;
  return next === null || next === owner || lease.clock !== clock || nextUntil <= Number(at);
}
