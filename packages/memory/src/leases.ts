import {
  FREE_LEASE,
  grantLease,
  type LeaseState,
  type Leases,
  releaseLease,
  renewLease,
} from "@tokenkeep/core/backend";

/** Leases in the memory of this process, on its monotonic clock. */
export class MemoryLeases implements Leases {
  readonly #states = new Map<string, LeaseState>();
  /** One counter for all keys grows for each of them, also where a lock was forgotten in between. */
  #fence = 0;

  acquire(key: string, owner: string, leaseMs: number, reserveMs: number): number | null {
    const request = { owner, leaseMs, reserveMs, now: performance.now(), fence: this.#fence + 1 };
    const { granted, state } = grantLease(this.#states.get(key) ?? FREE_LEASE, request);
    this.#states.set(key, state);
    this.#fence = Math.max(this.#fence, state.fence);
    return granted ? state.fence : null;
  }

  renew(key: string, owner: string, leaseMs: number): boolean {
    const state = renewLease(this.#states.get(key) ?? FREE_LEASE, owner, leaseMs, performance.now());
    if (state !== null) this.#states.set(key, state);
    return state !== null;
  }

  release(key: string, owner: string): boolean {
    const { wasHeld, state } = releaseLease(this.#states.get(key) ?? FREE_LEASE, owner, performance.now());
    if (state.owner === null && state.nextOwner === null) this.#states.delete(key);
    else this.#states.set(key, state);
    return wasHeld;
  }
}
