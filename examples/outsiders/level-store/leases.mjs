import { FREE_LEASE, grantLease, releaseLease, renewLease } from "@tokenkeep/core/backend";

/** Leases as entries of the database, on the machine's clock. */
export class LevelLeases {
  #entries;

  /** @param entries reads and writes the lease of a key: `(key, change) => what change returned` */
  constructor(entries) {
    this.#entries = entries;
  }

  acquire(key, owner, leaseMs, reserveMs) {
    return this.#change(key, (state, now) => {
      const fence = state.fence + 1;
      const { granted, state: next } = grantLease(state, { owner, leaseMs, reserveMs, now, fence });
      return [granted ? next.fence : null, next];
    });
  }

  renew(key, owner, leaseMs) {
    return this.#change(key, (state, now) => {
      const next = renewLease(state, owner, leaseMs, now);
      return [next !== null, next];
    });
  }

  release(key, owner) {
    return this.#change(key, (state, now) => {
      const { wasHeld, state: next } = releaseLease(state, owner, now);
      return [wasHeld, next];
    });
  }

  // What is stored when a lease is free keeps its fence, which grows for ever.
  #change(key, change) {
    return this.#entries(key, (text) => {
      const [result, next] = change(text === undefined ? FREE_LEASE : JSON.parse(text), Date.now());
      return [result, next === null ? undefined : JSON.stringify(next)];
    });
  }
}
