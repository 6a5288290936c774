import type { Leases } from "@tokenkeep/core";

interface Lock {
  owner: string | undefined;
  until: number;
  fence: number;
  next: string | undefined;
  nextUntil: number;
}

const FREE: Readonly<Lock> = { owner: undefined, until: 0, fence: 0, next: undefined, nextUntil: 0 };

/** Leases in the memory of this process, by its steady clock. */
export class MemoryLeases implements Leases {
  readonly #locks = new Map<string, Lock>();
  /** One counter for all keys grows for each of them, also when its lock was forgotten in between. */
  #fence = 0;

  acquire(key: string, owner: string, leaseMs: number, placeMs: number): number | null {
    const now = performance.now();
    const lock = this.#locks.get(key) ?? { ...FREE };
    this.#locks.set(key, lock);
    const isHeld = lock.owner !== undefined && lock.until > now;
    const othersPlace = lock.next !== undefined && lock.next !== owner && lock.nextUntil > now;
    if (isHeld && lock.owner === owner) {
      lock.until = now + leaseMs;
      return lock.fence;
    }
    if (!isHeld && !othersPlace) {
      Object.assign(lock, { owner, until: now + leaseMs, fence: ++this.#fence, next: undefined });
      return lock.fence;
    }
    if (!othersPlace) Object.assign(lock, { next: owner, nextUntil: now + placeMs });
    return null;
  }

  renew(key: string, owner: string, leaseMs: number): boolean {
    const lock = this.#locks.get(key);
    const now = performance.now();
    if (lock?.owner !== owner || lock.until <= now) return false;
    lock.until = now + leaseMs;
    return true;
  }

  release(key: string, owner: string): boolean {
    const lock = this.#locks.get(key);
    if (lock === undefined) return false;
    const wasOurs = lock.owner === owner && lock.until > performance.now();
    if (lock.owner === owner) lock.owner = undefined;
    if (lock.next === owner) lock.next = undefined;
    if (lock.owner === undefined && lock.next === undefined) this.#locks.delete(key);
    return wasOurs;
  }
}
