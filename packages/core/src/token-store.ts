/// <reference lib="esnext.disposable" preserve="true" />
import type { OAuthToken, TokenInput } from "./token.js";

/** What a store can do beyond finding, saving and deleting. What is false is `ERR_UNSUPPORTED`. */
export interface Capabilities {
  /** Records outlive the store, and a kill of its process up to the last save that resolved. */
  readonly durable: boolean;
  /** Several processes see the same records. */
  readonly shared: boolean;
  /** `saveToken(token, { ifRevision })`. */
  readonly revisions: boolean;
  /** `withLock`. */
  readonly locks: boolean;
  /** The option `namespace`. */
  readonly namespaces: boolean;
  /** `tokens()`. */
  readonly iteration: boolean;
}

/** The condition of a save. */
export interface SaveOptions {
  /** Update only a record at this revision; 0: only insert. Otherwise `ERR_CONFLICT`, and nothing is changed. */
  readonly ifRevision?: number | undefined;
}

/** The condition of a deletion. */
export interface DeleteOptions {
  /** Delete only at this revision. Otherwise `ERR_CONFLICT`, and nothing is changed. */
  readonly ifRevision?: number | undefined;
}

/** How to wait for a lock, and how long to hold it. */
export interface LockOptions {
  /**
   * How long to wait for the lock, in milliseconds from the call, opening the store included; by default the store's
   * `timeoutMs`. 0: one attempt.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait: `withLock` rejects with its reason. Does not end the work. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to hold the lock at most, in milliseconds. Then it is released, `lease.signal` aborts, and `withLock`
   * rejects with `ERR_LOCK_LOST` once `work` ends. By default the lease is renewed for as long as `work` runs.
   */
  readonly maxHoldMs?: number | undefined;
}

/** What the holder of a lock knows of it. */
export interface Lease {
  /** The key that was locked. */
  readonly key: string;
  /** The fencing token: it grows with every grant of this key, so a resource that remembers it can refuse a stale holder. */
  readonly fence: number;
  /** Aborts when the lock is lost, with the `ERR_LOCK_LOST` that `withLock` will reject with. */
  readonly signal: AbortSignal;
}

/**
 * A store for OAuth tokens. Every rejection is a `TokenStoreError`.
 *
 * Methods that take a token take its plain properties as well.
 */
export interface TokenStore extends AsyncDisposable {
  /** What this store can do. */
  readonly capabilities: Capabilities;

  /**
   * The record that matches: by id alone where one is given, otherwise by user name, grant token, refresh
   * token or access token, in this order, and never another user's or another client's.
   * @param query what is known of the token, any part of it
   * @returns the whole record, expired or not; null where none matches, or where none of these five is given
   * @throws TokenStoreError `ERR_INVALID_TOKEN` for a property that can't be
   */
  findToken(query: TokenInput): Promise<OAuthToken | null>;

  /**
   * Finds the record with this id.
   * @param id the id, not empty
   * @returns the record, or null
   * @throws TokenStoreError `ERR_INVALID_TOKEN` where that can't be an id
   */
  findTokenById(id: string): Promise<OAuthToken | null>;

  /**
   * Updates the record that matches, or inserts one. What is given replaces, the rest stays; a new access
   * token without `expiresAt` leaves that `null`. Of a token that this store returned, or a copy made by `with()`,
   * only what was changed counts as given.
   * @param token what to save; a new record needs a grant, refresh or access token
   * @param options on what condition
   * @returns the record as it is stored, once the backend has it as durable as it can make it
   * @throws TokenStoreError `ERR_INVALID_TOKEN`; `ERR_CONFLICT` where a value is another record's, or the
   *   revision is not `ifRevision`. Nothing was changed
   */
  saveToken(token: TokenInput, options?: SaveOptions): Promise<OAuthToken>;

  /**
   * Stores a copy of another store's token for tools: keeps its id, `createdAt`, `savedAt` and revision. Replaces the
   * record with this id only where that was saved earlier.
   * @param token a token that a store returned
   * @returns whether it was stored; false where the record here is as new or newer
   * @throws TokenStoreError `ERR_INVALID_TOKEN` where the token lacks what a store sets; `ERR_CONFLICT` where a value
   *   belongs to a record with another id
   */
  importToken(token: TokenInput): Promise<boolean>;

  /**
   * Deletes the record with this id and its index entries. A missing record is no error.
   * @param id the id, not empty
   * @param options on what condition
   * @throws TokenStoreError `ERR_INVALID_TOKEN` where that can't be an id; `ERR_CONFLICT` where the record is at
   *   another revision, and nothing was changed
   */
  deleteToken(id: string, options?: DeleteOptions): Promise<void>;

  /** Deletes every record of this store, in one step, and nothing else. */
  deleteTokens(): Promise<void>;

  /**
   * Lists the store.
   * @returns every record, the one first saved earliest first
   */
  getTokens(): Promise<OAuthToken[]>;

  /**
   * Goes through the store in bounded memory.
   * @returns every record, in the order of {@link TokenStore.getTokens}. One that is there from start to end
   *   comes once, whatever is saved or deleted meanwhile
   * @throws TokenStoreError `ERR_UNSUPPORTED` where the store does not declare `iteration`
   */
  tokens(): AsyncIterableIterator<OAuthToken>;

  /**
   * Runs `work` while nobody else holds the lock `key`, in this process or another.
   * @param key what to lock: any well-formed string that is not empty. It has nothing to do with a record
   * @param work runs once the lock is held; the lock ends with it, however it ends
   * @param options how long to wait, and what ends the wait
   * @returns what `work` returns; what it throws passes as it is
   * @throws TokenStoreError `ERR_LOCK_TIMEOUT` where it was not free in time; `ERR_LOCK_LOST` where the lock was
   *   lost while `work` ran; `ERR_UNSUPPORTED` where the store does not declare `locks`
   */
  withLock<T>(key: string, work: (lease: Lease) => T | Promise<T>, options?: LockOptions): Promise<T>;

  /** Waits for what is under way and closes. May be called twice. Later calls are `ERR_STORE_CLOSED`. */
  close(): Promise<void>;
}
