import type { TokenStoreError } from "./errors.js";
import type { Lookup, RecordKeys } from "./lookups.js";
import type { TokenRecord } from "./record.js";

/** A backend that has the answer at once may return it as it is; a promise costs a turn of the event loop. */
export type MaybePromise<T> = T | Promise<T>;

/** A place in the order of {@link Backend.scan}. */
export interface Place {
  /** When the record was first saved, in Unix milliseconds. */
  readonly createdAt: number;
  /** The record's id. */
  readonly id: string;
}

/**
 * What a store has to be able to do for {@link BaseTokenStore} to be a whole `TokenStore` over it.
 *
 * A backend keeps records and knows none of the rules. Each method is one round trip. It may throw
 * whatever its driver throws: {@link Backend.explain} says what that means. The guide is
 * `docs/writing-a-store.md`.
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
   * Whether {@link Backend.replace} has to follow a read of the same save: `previous.etag` alone does not tell it of
   * a {@link Backend.clear} by another process in between. Where absent, the read may be ten seconds old.
   */
  readonly replacesAfterRead?: boolean;

  /**
   * Connects and sets the schema up. Called before anything else, once; again only if it failed or did not
   * end within the time limit.
   * Many processes may do it at the same moment (contract 5.2).
   */
  open(): MaybePromise<void>;

  /**
   * Frees what {@link Backend.open} took: not a client that the caller passed in. Called at most once,
   * also where `open` failed or has not ended yet.
   */
  close(): MaybePromise<void>;

  /**
   * The records that any of these lookups lead to; for `user`, which is not unique, at least the one
   * saved last. More records than asked for do no harm, and neither does one that comes twice.
   *
   * @param lookups what to look for, first things first; at least one
   * @param settles whether a record makes all lookups behind its own needless. Where a look costs next to
   *   nothing, go one by one and stop there; where it is a round trip, ask for all at once and ignore it.
   * @returns the records, in any order; none where nothing is found
   */
  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): MaybePromise<TokenRecord[]>;

  /**
   * Adds a record, unless its id or one of its unique keys belongs to another: the database's own unique
   * indexes decide, not a look beforehand.
   * @param record what to keep, field by field
   * @param keys what leads to it; null: nothing of this kind
   * @returns whether it was added
   */
  insert(record: TokenRecord, keys: RecordKeys): MaybePromise<boolean>;

  /**
   * Puts `record` in the place of `previous`: same id, other keys perhaps. Only if what is stored still
   * has `previous.etag`, and none of the keys belongs to another record.
   * @param record what to keep from now on
   * @param keys what leads to it from now on; what led to `previous` alone leads nowhere any more
   * @param previous the record as it was read or saved, up to ten seconds ago unless `replacesAfterRead`
   * @returns whether it was replaced
   */
  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): MaybePromise<boolean>;

  /**
   * Removes a record and all that led to it. It may not be there.
   * @param id the record's id
   */
  remove(id: string): MaybePromise<void>;

  /** Removes every record of this namespace in one step, and nothing else. */
  clear(): MaybePromise<void>;

  /**
   * Records by `createdAt`, then by id in any order that stays the same.
   * @param after the last record that was seen, or null to begin
   * @param limit how many at most, or null for all of them
   * @returns the records behind that place, in order
   */
  scan(after: Place | null, limit: number | null): MaybePromise<TokenRecord[]>;

  /** Leases for `withLock` (contract section 6). A backend without them declares no locks. */
  readonly leases?: Leases;

  /**
   * What an error of the driver means.
   * @param error what the driver threw
   * @returns a `TokenStoreError`, or undefined to have it told as `ERR_UNAVAILABLE`
   */
  explain?(error: unknown): TokenStoreError | undefined;

  /** Values that no error may show besides the tokens': connection passwords. */
  readonly secrets?: readonly string[];
}

/** A lease is a lock that ends by itself. All times are spans, measured on the backend's own clock. */
export interface Leases {
  /**
   * Grants the lease on `key` to `owner` if nobody has it and nobody else is next in line. Where it can't,
   * and the one place in line is free, `owner` gets that place for `placeMs`: so a process that locks again
   * and again can't starve another. An owner that has the lease already gets it again (a reply may have
   * been lost).
   * @param key opaque, 43 characters
   * @param owner opaque, 36 characters
   * @param leaseMs how long the lease lasts, in milliseconds
   * @param placeMs how long the place in line lasts, in milliseconds
   * @returns the fence, a positive integer that grows with every grant of this key; or null
   */
  acquire(key: string, owner: string, leaseMs: number, placeMs: number): MaybePromise<number | null>;

  /**
   * Makes the lease last `leaseMs` from now.
   * @param key as with {@link Leases.acquire}
   * @param owner as with {@link Leases.acquire}
   * @param leaseMs how long the lease lasts from now, in milliseconds
   * @returns false where `owner` does not have it any more
   */
  renew(key: string, owner: string, leaseMs: number): MaybePromise<boolean>;

  /**
   * Gives up the lease, or the place in line.
   * @param key as with {@link Leases.acquire}
   * @param owner as with {@link Leases.acquire}
   * @returns whether `owner` had the lease until now
   */
  release(key: string, owner: string): MaybePromise<boolean>;
}
