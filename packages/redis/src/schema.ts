import {
  checkStoreOptions,
  type Lookup,
  opaqueKey,
  type RecordKeys,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";

/** The version of the layout below. A store refuses any other one (`ERR_SCHEMA`). */
export const LAYOUT = "1";

/**
 * How many characters of an opaque key are stored, to save memory: 132 bits of a SHA-256, of which 10^12 random ones
 * collide with a probability of 10^-16.
 */
const KEY_LENGTH = 22;

/** Longer names are replaced by their digest, as every request contains the name several times. */
const MAX_READABLE = 200;

/**
 * The keys of one namespace. They share a hash tag, and so one slot of a Cluster: a script may touch them all in one
 * step.
 */
export interface RedisKeys {
  /** HASH: id → `<etag> <the record as JSON>`. */
  readonly records: string;
  /** HASH: each unique key, shortened → the id of the record that has it. */
  readonly index: string;
  /** ZSET of `<user key>:<savedAt>:<id>`, by member: the records of each user, the one saved last at the end. */
  readonly users: string;
  /** ZSET of `<createdAt>:<id>`, by member: all records, oldest first. */
  readonly order: string;
  /** HASH: `layout` (the version) and `cleared` (how often). Outlives `clear`. */
  readonly meta: string;
  /** STRING: the last fencing token. Outlives everything. */
  readonly fence: string;
}

/** All keys of one namespace. */
export interface Keys extends RedisKeys {
  /** HASH: `owner` and `fence` of a lock. It expires with the lease. */
  lock(key: string): string;
  /** STRING: who has reserved the lock. It expires with the reservation. */
  reservation(key: string): string;
}

/**
 * The keys of a namespace, for tools, and for rules that name them. They are read with Redis' own commands; only a store
 * may write them.
 * @param namespace the store's namespace
 * @returns their names, without the client's `keyPrefix`
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` for what is no namespace
 */
export function redisKeys(namespace: string = ""): RedisKeys {
  return keysIn(checkStoreOptions({ namespace }, []).namespace);
}

/** The keys of a namespace. Namespaces that differ at all share no key. */
export function keysIn(namespace: string): Keys {
  // Escaped names have neither braces nor colons, so none can end the hash tag or look like a digest.
  const escaped = encodeURIComponent(namespace);
  const name = escaped.length > MAX_READABLE ? `sha256:${opaqueKey("namespace", namespace)}` : escaped;
  const at = (part: string): string => `{tokenkeep:${name}}:${part}`;
  return {
    records: at("records"),
    index: at("index"),
    users: at("users"),
    order: at("order"),
    meta: at("meta"),
    fence: at("fence"),
    lock: (key) => at(`lock:${key}`),
    reservation: (key) => at(`reservation:${key}`),
  };
}

/** What finds a record, besides its id. */
export interface Entries {
  /** Its fields of `index`. */
  readonly unique: readonly string[];
  /** Its member of `users`, `""` without a user. */
  readonly user: string;
  /** Its member of `order`. */
  readonly order: string;
}

/** The entries of no record. */
export const NO_ENTRIES: Entries = { unique: [], user: "", order: "" };

/** The entries of a record. */
export function entriesOf({ id, createdAt, savedAt }: TokenRecord, keys: RecordKeys): Entries {
  return {
    unique: UNIQUE_KEYS.flatMap((kind) => keys[kind]?.slice(0, KEY_LENGTH) ?? []),
    user: keys.user === null ? "" : `${keys.user.slice(0, KEY_LENGTH)}:${padded(savedAt)}:${id}`,
    order: orderOf(createdAt, id),
  };
}

/** A lookup as the script `FIND` takes it. */
export function lookupText({ kind, key }: Lookup): string {
  if (kind === "id") return `=${key}`;
  const stored = key.slice(0, KEY_LENGTH);
  return kind === "user" ? `@${stored}` : stored;
}

/** A position in `order`. */
export function orderOf(createdAt: number, id: string): string {
  return `${padded(createdAt)}:${id}`;
}

/** A time as 16 digits, which sort as text as they do as numbers. */
function padded(time: number): string {
  return String(Math.max(0, time)).padStart(16, "0");
}
