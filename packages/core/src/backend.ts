import type { Deadline } from "./deadline.js";
import type { TokenStoreError } from "./errors.js";
import type { Lookup, RecordKeys } from "./lookups.js";
import type { TokenRecord } from "./record.js";

/** A backend that has the answer at once may return it as it is; a promise costs a turn of the event loop. */
export type MaybePromise<T> = T | Promise<T>;

/** A position in the order of {@link Backend.scan}. */
export interface Cursor {
  /** When the record was first saved, in Unix milliseconds. */
  readonly createdAt: number;
  /** The record's id. */
  readonly id: string;
}

/**
 * What {@link BaseTokenStore} needs to be a whole `TokenStore`: a place that keeps records and knows none of the
 * rules. Each method is one round trip. The guide is `docs/writing-a-store.md`.
 *
 * Methods may throw whatever the driver throws; {@link Backend.toStoreError} translates it. Each gets the
 * {@link Deadline} of the call that it serves, and sends nothing after it. A write is sent once: it may be sent
 * again only where it certainly was not applied. Reads may be repeated. What to do after a lost reply is
 * decided by core, which reads the record and compares its etag; only a `TokenStoreError` that a write throws itself
 * is final.
 */
export interface Backend {
  /** For messages: `redis`, `sqlite`, … */
  readonly name: string;
  /** Records outlive the process and a kill (contract 5.5). */
  readonly durable: boolean;
  /** Several processes see the same records. */
  readonly shared: boolean;
  /** This backend keeps namespaces apart (contract 5.3). */
  readonly namespaces: boolean;

  /**
   * Connects and sets the schema up. Called before anything else, and again if it failed or took too long.
   * Many processes may do it at the same moment (contract 5.2).
   * @param deadline when to give up
   */
  open(deadline: Deadline): MaybePromise<void>;

  /**
   * Frees what {@link Backend.open} took, but not a client that the caller passed in. Called at most once,
   * also where `open` failed or has not ended yet.
   */
  close(): MaybePromise<void>;

  /**
   * Finds the records of any of these lookups; for `user`, which is not unique, at least the one saved last. Extra
   * records and duplicates are harmless. All lookups see one state of the records: a record that a save moves from one
   * lookup to another is not missed.
   * @param lookups what to find; at least one
   * @param deadline when to give up
   * @returns the records, in any order
   */
  read(lookups: readonly Lookup[], deadline: Deadline): MaybePromise<TokenRecord[]>;

  /**
   * Adds a record, unless its id or one of its unique keys belongs to another. The database's own unique indexes
   * decide, not a read beforehand.
   * @param record what to store
   * @param keys its index keys; null: none of this kind
   * @param deadline when to give up
   * @returns whether it was added
   */
  insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): MaybePromise<boolean>;

  /**
   * A conditional write: stores `record` instead of `previous`, with the same id and perhaps other keys, only if the
   * stored record still has `previous.etag` and none of the keys belongs to another record.
   * @param record what to store
   * @param keys its index keys from now on; those of `previous` alone find nothing afterwards
   * @param previous the record as it was read or saved, at any time
   * @param deadline when to give up
   * @returns whether it was replaced
   */
  replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): MaybePromise<boolean>;

  /**
   * Removes a record and its keys, only if it still has `previous.etag`.
   * @param previous the record as it was read
   * @param deadline when to give up
   * @returns whether it was removed
   */
  remove(previous: TokenRecord, deadline: Deadline): MaybePromise<boolean>;

  /**
   * Removes every record of this namespace in one step, and nothing else.
   * @param deadline when to give up
   */
  clear(deadline: Deadline): MaybePromise<void>;

  /**
   * Records by `createdAt`, then by id in any order that stays the same.
   * @param after where to continue, or null to begin
   * @param limit how many at most, or null for all of them
   * @param deadline when to give up
   * @returns the records after that position, in order
   */
  scan(after: Cursor | null, limit: number | null, deadline: Deadline): MaybePromise<TokenRecord[]>;

  /**
   * Rewrites the backend's own files so that nothing of what was replaced or removed is left in them. For `rekey`,
   * which calls it once, at its end. A backend whose files are a server's leaves it out.
   * @param deadline when to give up: in ten minutes
   */
  compact?(deadline: Deadline): MaybePromise<void>;

  /** Leases for `withLock` (contract section 6). A backend without them declares no locks. */
  readonly leases?: Leases;

  /**
   * Translates an error of the driver.
   * @param error what the driver threw
   * @returns a `TokenStoreError`, `uncertain` where it is of a write that may have been applied; undefined for
   *   `ERR_UNAVAILABLE`, and in a write `uncertain`
   */
  toStoreError?(error: unknown): TokenStoreError | undefined;

  /** Values that no error may show besides the tokens': connection passwords. */
  readonly secrets?: readonly string[];
}

/** A lease is a lock that expires. All times are durations, measured on the backend's own clock. */
export interface Leases {
  /**
   * Grants the lease on `key` to `owner` if nobody holds it and nobody else has reserved it. Otherwise, where there is
   * no reservation, `owner` reserves it for `reserveMs`: so a process that locks again and again can't starve
   * another. An owner that holds the lease already gets it again, as a reply may have been lost.
   * `grantLease` does this for a backend that can read and write a lease in one step.
   * @param key opaque, 43 characters
   * @param owner opaque, 36 characters
   * @param leaseMs how long the lease lasts, in milliseconds
   * @param reserveMs how long a reservation lasts, in milliseconds
   * @param deadline when to give up
   * @returns the fencing token, a positive integer that grows with every grant of this key; or null
   */
  acquire(
    key: string,
    owner: string,
    leaseMs: number,
    reserveMs: number,
    deadline: Deadline,
  ): MaybePromise<number | null>;

  /**
   * Makes the lease last `leaseMs` from now.
   * @param key as in {@link Leases.acquire}
   * @param owner as in {@link Leases.acquire}
   * @param leaseMs how long the lease lasts from now, in milliseconds
   * @param deadline when to give up
   * @returns false where `owner` does not hold it any more
   */
  renew(key: string, owner: string, leaseMs: number, deadline: Deadline): MaybePromise<boolean>;

  /**
   * Gives up the lease, and the reservation. Sent once.
   * @param key as in {@link Leases.acquire}
   * @param owner as in {@link Leases.acquire}
   * @param deadline when to give up
   * @returns whether `owner` held the lease until now
   */
  release(key: string, owner: string, deadline: Deadline): MaybePromise<boolean>;
}
