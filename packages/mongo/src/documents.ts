import { TokenStoreError } from "@tokenkeep/core";
import {
  decodeRecord,
  encodeRecord,
  type Lookup,
  opaqueKey,
  type RecordKeys,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";

/**
 * One collection holds four kinds of document. Every one has `keys`, the array under the unique index: documents
 * without it would all count as having the key null, which only one may have
 * (https://www.mongodb.com/docs/v8.0/core/index-unique/#missing-document-field-in-a-unique-single-field-index).
 *
 * | `_id` | what |
 * |---|---|
 * | `~schema` | the version of this layout |
 * | `~space.<digest>` | a namespace: `namespace`, and `generation`, a number that `deleteTokens` raises |
 * | `lock.<digest>` | a lock |
 * | `<digest>.<digest>` | a record: the text `record`, and the fields that are queried |
 *
 * A key is a digest of namespace and generation, and a digest of kind and value. So no index holds a secret, the
 * collection's collation makes no difference, and records of an older generation conflict with nothing.
 */
export interface StoredDocument {
  _id: string;
  keys: string[];
  [field: string]: unknown;
}

/**
 * A document that holds a record.
 *
 * Its `_id` is one of the keys that it was inserted with, that of the user if there is one, and means nothing
 * afterwards. It is for FerretDB: two processes that save a user for the first time collide at `_id`, where one of them
 * is refused at once. At `keys` they would deadlock, since PostgreSQL checks an exclusion constraint after
 * the insert (https://www.postgresql.org/docs/18/sql-createtable.html#SQL-CREATETABLE-EXCLUDE).
 */
export interface RecordDocument extends StoredDocument {
  /** The key of the record's id: the first of `keys`, and the order of records of the same `createdAt`. */
  key: string;
  /** The key of the user alone, which several records may have. */
  user?: string;
  /** A digest of the namespace. */
  space: string;
  generation: number;
  etag: string;
  createdAt: number;
  savedAt: number;
  /** What `encodeRecord` made of the record. */
  record: string;
}

export const SCHEMA_ID = "~schema";
export const SCHEMA_VERSION = 1;
/** The `_id` of a namespace. */
export const SPACE_ID: RegExp = /^~space\.[\w-]{43}$/;
/** The `_id` of a lock. */
export const LOCK_ID: RegExp = /^lock\.[\w-]{43}$/;
/** The `_id` of a record. */
export const RECORD_ID: RegExp = /^[\w-]{22}\.[\w-]{43}/;

export const INDEXES = {
  keys: { key: { keys: 1 }, name: "tokenkeep_keys", unique: true },
  user: { key: { user: 1, savedAt: -1 }, name: "tokenkeep_user" },
  scan: { key: { space: 1, generation: 1, createdAt: 1, key: 1 }, name: "tokenkeep_scan" },
} as const;

/** The documents of one namespace. */
export class Layout {
  readonly namespace: string;
  /** A digest of the namespace. */
  readonly space: string;
  /**
   * The `_id` of the namespace's document. "~" sorts after every character of a digest: an index scan that looks for
   * records and for this document reads it last.
   */
  readonly spaceId: string;

  constructor(namespace: string) {
    this.namespace = namespace;
    this.space = opaqueKey("namespace", namespace);
    this.spaceId = `~space.${this.space}`;
  }

  /** The key of a lookup. That of an id has to be made; the others are digests already. */
  key(generation: number, { kind, key }: Lookup): string {
    // 132 bits are enough for no two to be the same.
    const prefix = opaqueKey(this.space, String(generation)).slice(0, 22);
    return `${prefix}.${kind === "id" ? opaqueKey(kind, key) : key}`;
  }

  lockId(key: string): string {
    return `lock.${opaqueKey(this.space, key)}`;
  }

  /** The document of a record that is inserted. */
  document(generation: number, record: TokenRecord, keys: RecordKeys): RecordDocument {
    const keyOf = (kind: Lookup["kind"], key: string) => this.key(generation, { kind, key });
    const key = keyOf("id", record.id);
    const unique = UNIQUE_KEYS.flatMap((kind) => (keys[kind] === null ? [] : [keyOf(kind, keys[kind])]));
    return {
      _id: keys.userClient === null ? key : keyOf("userClient", keys.userClient),
      keys: [key, ...unique],
      key,
      ...(keys.user === null ? {} : { user: keyOf("user", keys.user) }),
      space: this.space,
      generation,
      etag: record.etag,
      createdAt: record.createdAt,
      savedAt: record.savedAt,
      record: encodeRecord(record),
    };
  }
}

/** @throws TokenStoreError `ERR_CORRUPT` */
export function recordOf({ _id, record }: StoredDocument): TokenRecord {
  return decodeRecord(typeof record === "string" ? record : "", `mongo: the record in document ${_id}`);
}

/** The generation of a namespace that is not set up. No record has it. */
export const NO_GENERATION = 0;

/** The generation in the document of a namespace. @throws TokenStoreError `ERR_CORRUPT` */
export function generationOf({ _id, generation }: StoredDocument): number {
  if (generation === undefined) return NO_GENERATION;
  if (Number.isSafeInteger(generation)) return generation as number;
  throw new TokenStoreError(
    "ERR_CORRUPT",
    `mongo: the document ${_id} can't be read: its generation is not an integer. Nothing was changed. ` +
      "Restore it from a backup.",
  );
}
