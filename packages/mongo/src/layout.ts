import {
  type Lookup,
  opaqueKey,
  type RecordKeys,
  TOKEN_COLUMNS,
  type TokenRecord,
  TokenStoreError,
  UNIQUE_KEYS,
} from "@tokenkeep/core";

/**
 * One collection, four kinds of document, told apart by `_id`. Every one has `keys`, the array under the one
 * unique index: a document without it would count as having the key null, which only one may have
 * (https://www.mongodb.com/docs/v8.0/core/index-unique/#missing-document-field-in-a-unique-single-field-index).
 *
 * | `_id` | what |
 * |---|---|
 * | `~schema` | the version of this layout |
 * | `~space.<digest>` | one per namespace: its `generation`, a number that `deleteTokens` raises |
 * | `lock.<digest>` | one per lock |
 * | `<digest>.<digest>` | a record: its fields under their own names; `keys`, `key`, `user`, `space`, `generation` |
 *
 * A key is a digest of namespace and generation, and one of kind and value: no index holds a secret, no text
 * of a caller is ever compared (whatever collation the collection has, two digests differ in it), and what is
 * left of an older generation is in nobody's way.
 *
 * The `_id` of a record is one of the keys that it was inserted with, that of its user if it has one, and
 * says nothing afterwards: `key` is that of its id. So two processes that save a user for the first time meet
 * at `_id`, where FerretDB refuses one of them at once. At `keys` each would wait for the other until
 * PostgreSQL notices, after a second: that index is an exclusion constraint, which is checked behind the
 * insert (https://www.postgresql.org/docs/18/sql-createtable.html#SQL-CREATETABLE-EXCLUDE).
 */
export interface StoredDocument {
  _id: string;
  keys: string[];
  generation?: number;
  [field: string]: unknown;
}

/** A document that holds a record. */
export interface RecordDocument extends StoredDocument {
  key: string;
}

export const SCHEMA_ID = "~schema";
export const SCHEMA_VERSION = 1;
/** The `_id` of every lock, and of nothing else. */
export const LOCK_ID: RegExp = /^lock\.[\w-]{43}$/;

/** Names of the indexes. */
export const INDEXES = {
  keys: { key: { keys: 1 }, name: "tokenkeep_keys", unique: true },
  user: { key: { user: 1, savedAt: -1 }, name: "tokenkeep_user" },
  scan: { key: { space: 1, generation: 1, createdAt: 1, key: 1 }, name: "tokenkeep_scan" },
} as const;

/** The keys of one namespace. */
export class Layout {
  readonly namespace: string;
  /** A digest of the namespace, short enough for an index whatever the name. */
  readonly space: string;
  /**
   * The document with the generation. "~" sorts behind every character of a digest: an index scan that
   * looks for records and for this comes to it last, when it has the records already.
   */
  readonly spaceId: string;
  #prefix = { generation: -1, text: "" };

  constructor(namespace: string) {
    this.namespace = namespace;
    this.space = opaqueKey("namespace", namespace);
    this.spaceId = `~space.${this.space}`;
  }

  /** The key of a lookup in a generation. That of an id has to be made short; the others are digests already. */
  key(generation: number, { kind, key }: Lookup): string {
    if (this.#prefix.generation !== generation) {
      // 132 bits: enough that no two are the same
      const digest = opaqueKey(this.space, String(generation)).slice(0, 22);
      this.#prefix = { generation, text: `${digest}.` };
    }
    return this.#prefix.text + (kind === "id" ? opaqueKey(kind, key) : key);
  }

  lockId(key: string): string {
    return `lock.${opaqueKey(this.space, key)}`;
  }

  /** The document of a record that is inserted. Absent fields are left out. */
  document(generation: number, record: TokenRecord, keys: RecordKeys): RecordDocument {
    const idKey = this.key(generation, { kind: "id", key: record.id });
    const document: RecordDocument = { _id: idKey, keys: [idKey], key: idKey };
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null) document.keys.push(this.key(generation, { kind, key }));
    }
    if (keys.userClient !== null)
      document._id = this.key(generation, { kind: "userClient", key: keys.userClient });
    if (keys.user !== null) document.user = this.key(generation, { kind: "user", key: keys.user });
    document.namespace = this.namespace;
    document.space = this.space;
    document.generation = generation;
    for (const { property } of TOKEN_COLUMNS) {
      const value = record[property];
      if (value !== null) document[property] = value;
    }
    return document;
  }
}

/**
 * The record of a document.
 * @throws TokenStoreError `ERR_CORRUPT` where a field has a type that the store never wrote
 */
export function recordOf(document: StoredDocument): TokenRecord {
  // property by property, and not in a loop over their names: this is in the way of every find
  return {
    id: needed(document, "id", textIn(document, "id")),
    userName: textIn(document, "userName"),
    clientId: textIn(document, "clientId"),
    clientSecret: textIn(document, "clientSecret"),
    redirectUrl: textIn(document, "redirectUrl"),
    grantToken: textIn(document, "grantToken"),
    refreshToken: textIn(document, "refreshToken"),
    accessToken: textIn(document, "accessToken"),
    expiresAt: integerIn(document, "expiresAt"),
    apiDomain: textIn(document, "apiDomain"),
    revision: needed(document, "revision", integerIn(document, "revision")),
    etag: needed(document, "etag", textIn(document, "etag")),
    createdAt: needed(document, "createdAt", integerIn(document, "createdAt")),
    savedAt: needed(document, "savedAt", integerIn(document, "savedAt")),
  };
}

function textIn(document: StoredDocument, property: keyof TokenRecord): string | null {
  const value = document[property];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value !== "string") throw corrupt(document, property);
  return value;
}

function integerIn(document: StoredDocument, property: keyof TokenRecord): number | null {
  const value = document[property];
  if (value === undefined || value === null) return null;
  if (!Number.isSafeInteger(value)) throw corrupt(document, property);
  return value as number;
}

function needed<T>(document: StoredDocument, property: keyof TokenRecord, value: T | null): T {
  if (value === null) throw corrupt(document, property);
  return value;
}

/** The generation in the document of a namespace. @throws TokenStoreError `ERR_CORRUPT` */
export function generationOf(document: StoredDocument): number {
  const { generation } = document;
  if (!Number.isSafeInteger(generation)) throw corrupt(document, "generation");
  return generation as number;
}

function corrupt({ _id }: StoredDocument, field: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_CORRUPT",
    `mongo: the document with _id ${JSON.stringify(_id)} can't be read: its field ${field} is missing or of ` +
      "the wrong type. Nothing was changed. Repair the field or delete the document.",
  );
}
