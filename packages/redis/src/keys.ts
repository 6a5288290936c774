import { invalidOption, opaqueKey } from "@tokenkeep/core";

/** The version of the layout below. A store refuses a newer one (`ERR_SCHEMA`). */
export const LAYOUT = "1";

/** Longer names would make every request longer, and are told by a digest. */
const MAX_READABLE = 200;

/**
 * The keys of one namespace. They share one hash tag and so one slot of a Cluster: a script may touch them
 * all in one step, and `clear` unlinks them in one.
 *
 * Each record has a place (see {@link placeOf}), and everything else leads there.
 */
export interface Keys {
  /** HASH: place → the record as JSON. */
  readonly records: string;
  /**
   * HASH. `:<id>` and the opaque key of a token value → the place of the one record that has it. `@<opaque user>` →
   * the place of the record of that user that was saved last. `=<place>` → the record's lead,
   * `<etag> <createdAt> <savedAt> <@opaque user or -> <opaque keys …> :<id>`: all that leads to it.
   */
  readonly index: string;
  /** ZSET, by member: `@<opaque user>:<place>`, the records of each user. */
  readonly users: string;
  /** ZSET, by member: `<createdAt>:<id>`, for reading everything page by page. */
  readonly order: string;
  /** ZSET: place by the server's time at which the record ends. Only where a `ttl` is in use. */
  readonly ends: string;
  /** HASH: `layout` (this version), `cleared` (how often), `timed` (records may end). Outlives `clear`. */
  readonly meta: string;
  /** STRING: the last fence that was granted. Outlives everything. */
  readonly fence: string;
  /** `lock:<opaque key>` (HASH: owner, fence) and `next:<opaque key>` (STRING: the owner next in line). */
  lock(key: string): string;
  next(key: string): string;
}

/**
 * Where a record is: under the opaque key of its user with its client, so that the commonest find, which knows
 * these, is one plain command. A record without a user is under `:<id>`. It moves when its user or client changes.
 */
export function placeOf(id: string, userClient: string | null): string {
  return userClient ?? `:${id}`;
}

/** The keys of a namespace. Different names, whatever they contain, never share a key. */
export function keysIn(namespace: string): Keys {
  // escaping leaves neither braces nor colons, so a name can't end the tag, or pass for a digest
  const escaped = encodeURIComponent(namespace);
  const name = escaped.length > MAX_READABLE ? `sha256:${opaqueKey("namespace", namespace)}` : escaped;
  const at = (part: string): string => `{tokenkeep:${name}}:${part}`;
  return {
    records: at("records"),
    index: at("index"),
    users: at("users"),
    order: at("order"),
    ends: at("ends"),
    meta: at("meta"),
    fence: at("fence"),
    lock: (key) => at(`lock:${key}`),
    next: (key) => at(`next:${key}`),
  };
}

/**
 * A prefix with empty braces makes a Cluster hash the whole key, and spreads one namespace over its slots.
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkKeyPrefix(prefix: string): void {
  const open = prefix.indexOf("{");
  if (open !== -1 && prefix[open + 1] === "}") {
    throw invalidOption(
      'A keyPrefix with "{}" spreads the keys of a namespace over the slots of a Cluster, where no script ' +
        "may touch them together. Leave the braces out, or put a word between them.",
    );
  }
}

/** A time as 16 digits, so that the order of the texts is the order of the times. */
export function padded(time: number): string {
  return String(Math.max(0, time)).padStart(16, "0");
}
