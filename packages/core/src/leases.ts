// The lease state machine, for backends that can read and write one key's state in one step.

/** The state of one lock. */
export interface LeaseState {
  /** Who holds it, or held it last; null after a release. */
  readonly owner: string | null;
  /** When the lease expires. */
  readonly heldUntil: number;
  /** The fencing token of the last grant. */
  readonly fence: number;
  /** Who gets it next; null without a reservation. */
  readonly nextOwner: string | null;
  /** When the reservation expires. */
  readonly nextUntil: number;
}

/** A lock that nobody ever held. */
export const FREE_LEASE: LeaseState = { owner: null, heldUntil: 0, fence: 0, nextOwner: null, nextUntil: 0 };

/**
 * Grants a lease, or reserves it (see {@link Leases.acquire}).
 * @param state the lock's state
 * @param request who asks, for how long, and the current time on the clock of `state`, all in milliseconds;
 *   `fence` where the backend makes fencing tokens otherwise than by counting
 * @returns the new state, and whether the lease was granted
 */
export function grantLease(
  state: LeaseState,
  request: { owner: string; leaseMs: number; reserveMs: number; now: number; fence?: number },
): { granted: boolean; state: LeaseState } {
  const { owner, leaseMs, reserveMs, now, fence = state.fence + 1 } = request;
  const isHeld = state.owner !== null && state.heldUntil > now;
  if (isHeld && state.owner === owner) {
    return { granted: true, state: { ...state, heldUntil: now + leaseMs } };
  }
  const isReserved = state.nextOwner !== null && state.nextOwner !== owner && state.nextUntil > now;
  if (!isHeld && !isReserved) {
    const granted = { owner, heldUntil: now + leaseMs, fence, nextOwner: null, nextUntil: 0 };
    return { granted: true, state: granted };
  }
  if (isReserved) return { granted: false, state };
  return { granted: false, state: { ...state, nextOwner: owner, nextUntil: now + reserveMs } };
}

/**
 * Extends a lease.
 * @param state the lock's state
 * @param owner who asks
 * @param leaseMs how long the lease lasts from now, in milliseconds
 * @param now the current time on the clock of `state`, in milliseconds
 * @returns the new state, or null where `owner` does not hold the lease
 */
export function renewLease(
  state: LeaseState,
  owner: string,
  leaseMs: number,
  now: number,
): LeaseState | null {
  if (state.owner !== owner || state.heldUntil <= now) return null;
  return { ...state, heldUntil: now + leaseMs };
}

/**
 * Gives up a lease, and the reservation.
 * @param state the lock's state
 * @param owner who asks
 * @param now the current time on the clock of `state`, in milliseconds
 * @returns the new state, and whether `owner` held the lease until now
 */
export function releaseLease(
  state: LeaseState,
  owner: string,
  now: number,
): { wasHeld: boolean; state: LeaseState } {
  const isOwner = state.owner === owner;
  return {
    wasHeld: isOwner && state.heldUntil > now,
    state: {
      ...state,
      owner: isOwner ? null : state.owner,
      nextOwner: state.nextOwner === owner ? null : state.nextOwner,
    },
  };
}
