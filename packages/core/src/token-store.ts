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

export interface SaveOptions {
  /** Update only a record at this revision; 0: only insert. Otherwise `ERR_CONFLICT`, nothing changed. */
  readonly ifRevision?: number | undefined;
}

export interface LockOptions {
  /** How long to wait for the lock, in milliseconds; by default the store's `timeoutMs`. 0: one try. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait: `withLock` rejects with its reason. Does not end the work. */
  readonly signal?: AbortSignal | undefined;
}

/** What the holder of a lock knows of it. */
export interface Lease {
  readonly key: string;
  /** Grows with every grant of this key: a resource that remembers it can refuse a holder of old. */
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
  readonly capabilities: Capabilities;

  /**
   * The record that matches: by id alone where one is given, otherwise by user name, grant token, refresh
   * token or access token, in this order, and never another user's or another client's.
   * @returns the record, or null; null too where none of these five is given
   */
  findToken(query: TokenInput): Promise<OAuthToken | null>;

  /** The record with this id, or null. */
  findTokenById(id: string): Promise<OAuthToken | null>;

  /**
   * Updates the record that matches, or inserts one. What is given replaces, the rest stays; a new access
   * token without `expiresAt` leaves that `null`.
   * @returns the record as it is stored, once it is durable
   */
  saveToken(token: TokenInput, options?: SaveOptions): Promise<OAuthToken>;

  /** Deletes the record with this id, if there is one. */
  deleteToken(id: string): Promise<void>;

  /** Deletes every record of this store, in one step, and nothing else. */
  deleteTokens(): Promise<void>;

  /** Every record, oldest first. */
  getTokens(): Promise<OAuthToken[]>;

  /** Every record, oldest first, in bounded memory. */
  tokens(): AsyncIterableIterator<OAuthToken>;

  /**
   * Runs `work` while nobody else holds the lock `key`, in this process or another.
   * @returns what `work` returns
   */
  withLock<T>(key: string, work: (lease: Lease) => T | Promise<T>, options?: LockOptions): Promise<T>;

  /** Waits for what is under way and closes. May be called twice. Later calls are `ERR_STORE_CLOSED`. */
  close(): Promise<void>;
}
