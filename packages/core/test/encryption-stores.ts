import { randomBytes } from "node:crypto";
import { BaseTokenStore } from "../src/base-token-store.js";
import {
  type Backend,
  type Cursor,
  type Lookup,
  type RecordKeys,
  RecordMap,
  type TokenRecord,
} from "../src/for-backends.js";
import type { EncryptionKey, EncryptionOptions, TokenStoreError } from "../src/index.js";
import type { StoreOptions } from "../src/options.js";

/** A database that several stores share: what is stored is to be seen, and changed, by a test. */
export class Database {
  records: RecordMap = new RecordMap();
  /** How often something was written. */
  writes = 0;
  compactions = 0;

  backend(): Backend {
    return new SharedBackend(this);
  }

  store(encryption?: EncryptionOptions, options: StoreOptions = {}): BaseTokenStore {
    return new BaseTokenStore(this.backend(), {
      ...options,
      ...(encryption === undefined ? {} : { encryption }),
    });
  }

  /** The record as it is stored. */
  stored(id: string): TokenRecord {
    return this.records.get(id) as TokenRecord;
  }

  /** Changes a stored record as somebody would who can write to the database. */
  tamper(id: string, change: Partial<TokenRecord>): void {
    const record = { ...this.stored(id), ...change };
    this.records.put(record, {
      userClient: null,
      user: null,
      grantToken: null,
      refreshToken: null,
      accessToken: null,
    });
  }

  /** Everything that is stored, as text. */
  get dump(): string {
    return JSON.stringify(this.records.records());
  }
}

class SharedBackend implements Backend {
  readonly name = "shared";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = false;
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }
  open(): void {}
  close(): void {}
  read(lookups: readonly Lookup[]): TokenRecord[] {
    return this.#database.records.read(lookups);
  }
  insert(record: TokenRecord, keys: RecordKeys): boolean {
    this.#database.writes++;
    return this.#database.records.get(record.id) === undefined && this.#database.records.put(record, keys);
  }
  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    this.#database.writes++;
    if (this.#database.records.get(previous.id)?.etag !== previous.etag) return false;
    return this.#database.records.put(record, keys);
  }
  remove({ id, etag }: TokenRecord): boolean {
    return this.#database.records.get(id)?.etag === etag && this.#database.records.remove(id);
  }
  clear(): void {
    this.#database.records = new RecordMap();
  }
  scan(after: Cursor | null, limit: number | null): TokenRecord[] {
    return this.#database.records.scan(after, limit);
  }
  compact(): void {
    this.#database.compactions++;
  }
}

export function newKey(id: string, seal = true): EncryptionKey & { key: Buffer } {
  return { id, key: randomBytes(32), seal };
}

/** A token with every property that is sealed. */
export function wholeToken(tag: string) {
  return {
    id: `id-${tag}`,
    userSignature: { name: `${tag}@example.com` },
    clientId: "client",
    clientSecret: `client-secret-${tag}`,
    grantToken: `grant-token-${tag}`,
    refreshToken: `refresh-token-${tag}`,
    accessToken: `access-token-${tag}`,
    idToken: `id-token-${tag}`,
    expiresAt: 1_893_456_000_123,
    scope: "read write",
    apiDomain: "https://api.example",
    issuer: "https://issuer.example",
    metadata: { note: `metadata-${tag}` },
  };
}

/** What an error of a store must look like. */
export function storeError(code: string, said: Partial<TokenStoreError> = {}): Partial<TokenStoreError> {
  return { name: "TokenStoreError", code, ...said } as Partial<TokenStoreError>;
}
