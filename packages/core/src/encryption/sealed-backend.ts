import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, Cursor, Leases, MaybePromise } from "../backend.js";
import { chain } from "../chain.js";
import { type Deadline, isPromise } from "../deadline.js";
import { TokenStoreError } from "../errors.js";
import { keysOf, type Lookup, type RecordKeys } from "../lookups.js";
import type { TokenRecord } from "../record.js";
import { holdsChecks, KeyChecks } from "./key-checks.js";
import { Keyring } from "./keyring.js";
import type { MasterKey } from "./master-key.js";
import type { CheckedEncryption } from "./options.js";
import { RecentKeys } from "./recent-keys.js";
import { escapeRecord, keyIdsIn, type Opening, openRecord, sealRecord } from "./sealed-records.js";

/**
 * A backend that gets every secret sealed and gives it back opened. Without keys it stores plaintext, but refuses
 * sealed records with `ERR_KEY` rather than hand them out.
 *
 * Index keys and conditions are those of the plain record, so sealing a record again moves nothing.
 */
export class SealedBackend implements Backend {
  readonly name: string;
  readonly durable: boolean;
  readonly shared: boolean;
  readonly namespaces: boolean;
  readonly leases?: Leases;
  readonly #backend: Backend;
  readonly #namespace: string;
  readonly #keyring: Keyring | undefined;
  readonly requireEncrypted: boolean;
  readonly #checks: KeyChecks;
  readonly #opening: Opening;
  #isBackendOpen = false;

  constructor(backend: Backend, namespace: string, encryption: CheckedEncryption | undefined) {
    this.name = backend.name;
    this.durable = backend.durable;
    this.shared = backend.shared;
    this.namespaces = backend.namespaces;
    if (backend.leases !== undefined) this.leases = backend.leases;
    this.#backend = backend;
    this.#namespace = namespace;
    this.#keyring = encryption === undefined ? undefined : new Keyring(encryption);
    this.requireEncrypted = encryption?.requireEncrypted ?? false;
    this.#checks = new KeyChecks(backend, namespace);
    this.#opening = {
      namespace,
      requireEncrypted: this.requireEncrypted,
      recent: new RecentKeys(),
      keyOf: (id) => {
        const key = this.#keyring!.get(id) as MasterKey;
        return { key, isVerified: this.#checks.verify(key) };
      },
    };
  }

  get secrets(): readonly string[] {
    return this.#backend.secrets ?? [];
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return this.#backend.toStoreError?.(error);
  }

  /** @throws TokenStoreError `ERR_KEY` where a key has other bytes than the one of its id that sealed before */
  open(deadline: Deadline): MaybePromise<void> {
    // Its own part may have succeeded where the rest failed, and is not to be done twice then.
    return chain(this.#isBackendOpen ? undefined : this.#backend.open(deadline), () => {
      this.#isBackendOpen = true;
      if (this.#keyring === undefined) return;
      return this.#checkKeys(this.#keyring, deadline);
    });
  }

  close(): MaybePromise<void> {
    return this.#backend.close();
  }

  read(lookups: readonly Lookup[], deadline: Deadline): MaybePromise<TokenRecord[]> {
    return chain(this.#backend.read(lookups, deadline), this.#openAll);
  }

  insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): MaybePromise<boolean> {
    return chain(this.#seal(record, deadline), (sealed) => this.#backend.insert(sealed, keys, deadline));
  }

  replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): MaybePromise<boolean> {
    return chain(this.#seal(record, deadline), (sealed) =>
      this.#backend.replace(sealed, keys, previous, deadline),
    );
  }

  remove(previous: TokenRecord, deadline: Deadline): MaybePromise<boolean> {
    return this.#backend.remove(previous, deadline);
  }

  clear(deadline: Deadline): MaybePromise<void> {
    return this.#checks.clear(deadline);
  }

  scan(after: Cursor | null, limit: number | null, deadline: Deadline): MaybePromise<TokenRecord[]> {
    return chain(this.scanStored(after, limit, deadline), this.#openAll);
  }

  /** Whether the backend has files of its own to clean. */
  get canCompact(): boolean {
    return this.#backend.compact !== undefined;
  }

  compact(deadline: Deadline): MaybePromise<void> {
    return this.#backend.compact?.(deadline);
  }

  /** As {@link Backend.scan}, but the records are as they are stored. */
  scanStored(after: Cursor | null, limit: number | null, deadline: Deadline): MaybePromise<TokenRecord[]> {
    return chain(this.#backend.scan(after, limit, deadline), (page) => {
      const tokens = page.filter((record) => !holdsChecks(record));
      const missing = page.length - tokens.length;
      if (missing === 0 || page.length !== limit) return tokens;
      // A page that is not full would look like the last one.
      return chain(this.#backend.scan(page.at(-1)!, missing, deadline), (rest) => [...tokens, ...rest]);
    });
  }

  /** The record with this id as it is stored. */
  readStored(id: string, deadline: Deadline): MaybePromise<TokenRecord | undefined> {
    const lookups: Lookup[] = [{ kind: "id", key: id }];
    return chain(this.#backend.read(lookups, deadline), ([record]) => record);
  }

  /** Opens a stored record, of which nothing but its etag may have changed since. */
  openStored(stored: TokenRecord): MaybePromise<TokenRecord> {
    return chain(this.#openAll([stored]), ([record]) => record!);
  }

  /**
   * The key that seals, after its check value is stored.
   * @returns null where every key only opens, or there are no keys
   * @throws TokenStoreError `ERR_KEY`
   */
  sealingKey(deadline: Deadline): MaybePromise<MasterKey | null> {
    if (this.#keyring === undefined) return null;
    const key = this.#keyring.sealing();
    if (isPromise(key)) deadline.blockedBy("the key that seals is not known yet");
    return chain(key, (known) => {
      if (isPromise(key)) {
        deadline.blockedBy(undefined);
        deadline.check();
      }
      if (known === null || this.#checks.verify(known)) return known;
      return this.#checks.add(known, deadline).then(() => known);
    });
  }

  /**
   * Seals a record again. Its revision and times stay.
   * @param plain the record, opened
   * @param key the key to seal it with, or null for plaintext
   * @returns false where the record has changed meanwhile
   */
  reseal(plain: TokenRecord, key: MasterKey | null, deadline: Deadline): MaybePromise<boolean> {
    const record = { ...plain, etag: randomUUID() };
    const stored = key === null ? escapeRecord(record) : sealRecord(record, key, this.#namespace);
    return this.replaceStored(stored, plain, deadline);
  }

  /**
   * Writes a record as it is to be stored, which nothing but `reseal` and tests should do.
   * @param stored what to store
   * @param plain the record that is stored now, opened
   * @returns false where that has changed meanwhile
   */
  replaceStored(stored: TokenRecord, plain: TokenRecord, deadline: Deadline): MaybePromise<boolean> {
    return this.#backend.replace(stored, keysOf(plain), plain, deadline);
  }

  #checkKeys(keyring: Keyring, deadline: Deadline): MaybePromise<void> {
    return chain(this.#checks.load(deadline), () => {
      const verifyAll = () => {
        for (const key of keyring.known) this.#checks.verify(key);
      };
      if (keyring.isComplete) return verifyAll();
      // Key functions that hang leave time for the call that opens the store.
      const cancel = new AbortController();
      const halfTime = sleep(deadline.remainingMs / 2, undefined, { signal: cancel.signal }).catch(() => {});
      const warm = Promise.race([keyring.warm(), halfTime]).finally(() => cancel.abort());
      return warm.then(verifyAll);
    });
  }

  #seal(record: TokenRecord, deadline: Deadline): MaybePromise<TokenRecord> {
    return chain(this.sealingKey(deadline), (key) => {
      if (key !== null) return sealRecord(record, key, this.#namespace, this.#opening.recent);
      if (this.requireEncrypted)
        throw new TokenStoreError("ERR_KEY", "No key seals, and requireEncrypted allows no plaintext.");
      return escapeRecord(record);
    });
  }

  readonly #openAll = (stored: readonly TokenRecord[]): MaybePromise<TokenRecord[]> => {
    const waits: Promise<unknown>[] = [];
    for (const record of stored) {
      for (const id of keyIdsIn(record)) {
        if (id === null || id === undefined) continue;
        if (this.#keyring === undefined) throw noKeys(record, id);
        const key = this.#keyring.get(id);
        if (isPromise(key)) waits.push(key);
      }
    }
    const open = () => stored.map((record) => openRecord(record, this.#opening));
    return waits.length === 0 ? open() : Promise.all(waits).then(open);
  };
}

function noKeys({ id }: TokenRecord, keyId: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_KEY",
    `The record ${JSON.stringify(id)} is sealed with the key ${JSON.stringify(keyId)}, and this store has no keys. ` +
      "Give it the option encryption.",
    { id },
  );
}
