import { TokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";
import { type Keys, LAYOUT } from "./keys.js";

type Meaning = readonly [pattern: RegExp, code: TokenStoreErrorCode, advice: string];

// The first word of a reply is its code; that of a command inside a script may stand behind "ERR".
const MEANINGS: readonly Meaning[] = [
  [
    /\b(NOAUTH|WRONGPASS)\b|invalid username-password|invalid password/i,
    "ERR_PERMISSION",
    "the server wants a user name and a password, or other ones. Give them in the URL, or as username and password.",
  ],
  [
    /\bNOPERM\b|ACL failure|has no permissions/i,
    "ERR_PERMISSION",
    "this user may not run a command that the store needs. Allow it the commands and keys that the README lists.",
  ],
  [
    /\bREADONLY\b/,
    "ERR_UNAVAILABLE",
    "this server is a replica now. The save was not done. Connect through Sentinel or as a Cluster to follow a failover, and try again.",
  ],
  [
    /\bOOM\b/,
    "ERR_UNAVAILABLE",
    "the server's memory is full (maxmemory). Nothing was saved. Give it more, or remove records, and try again.",
  ],
  [
    /\bMISCONF\b/,
    "ERR_UNAVAILABLE",
    "the server can't write to its disk and takes no writes. Nothing was saved. Look at its log and its disk, and try again.",
  ],
  [
    /\bNOREPLICAS\b/,
    "ERR_UNAVAILABLE",
    "the server has fewer replicas than min-replicas-to-write. Nothing was saved. Start them, and try again.",
  ],
  [/\bLOADING\b/, "ERR_UNAVAILABLE", "the server is reading its data after a start. Try again soon."],
  [/\bBUSY\b/, "ERR_UNAVAILABLE", "the server is busy with another client's script. Try again soon."],
  [
    /\b(CLUSTERDOWN|TRYAGAIN|MASTERDOWN)\b|Failed to refresh slots cache|Too many Cluster redirections/i,
    "ERR_UNAVAILABLE",
    "the Cluster has no master for these keys, as in a failover. Try again soon.",
  ],
  [
    /\bCROSSSLOT\b/,
    "ERR_INVALID_OPTIONS",
    "the client's keyPrefix spreads the keys over slots. Leave braces out of it.",
  ],
  [
    /unknown command .*HPEXPIREAT/i,
    "ERR_UNSUPPORTED",
    "ttlMs needs Redis 7.4 or Valkey 9, or newer. Update the server, or leave ttlMs out.",
  ],
  [
    /unknown command|Unknown Redis command called from script/i,
    "ERR_UNSUPPORTED",
    "the server has not all commands that the README lists: it is too old (ttlMs needs Redis 7.4 or Valkey 9), or one was renamed or disabled.",
  ],
  [
    /DB index is out of range|SELECT is not allowed/i,
    "ERR_INVALID_OPTIONS",
    "the server has no database of this number. Choose another db; a Cluster has 0 alone.",
  ],
  [
    /Error compiling script|Unexpected engine/i,
    "ERR_UNSUPPORTED",
    "the server is too old: the store needs Redis 7 or Valkey, or newer.",
  ],
];

/** What an error of ioredis, or a reply of the server, means. */
export function explain(
  error: unknown,
  keys: Keys,
  lastConnectionError: string | undefined,
): TokenStoreError {
  const message = error instanceof Error ? error.message : String(error);
  const layout = /TOKENKEEP_LAYOUT (\S+)/.exec(message)?.[1];
  if (layout !== undefined) {
    return new TokenStoreError(
      "ERR_SCHEMA",
      `redis: the records are in layout ${layout}, and this version knows ${LAYOUT} (key ${keys.meta}). ` +
        "Nothing was changed. Update @tokenkeep/redis.",
    );
  }
  if (message.includes("WRONGTYPE")) {
    return new TokenStoreError(
      "ERR_CORRUPT",
      `redis: ${keys.records} or another key of this namespace is of another type. Restore it from a backup, or remove it.`,
    );
  }
  // the reason of a broken connection stands in the client's last error event, not in the call's
  const texts = [message, lastConnectionError ?? "", nested(error)];
  for (const text of texts) {
    for (const [pattern, code, advice] of MEANINGS) {
      if (pattern.test(text)) return new TokenStoreError(code, `redis: ${advice} (${firstLine(text)})`);
    }
  }
  const why = [...new Set(texts.filter((text) => text !== "").map(firstLine))].join("; ");
  if (error instanceof Error && error.name === "ReplyError") {
    return new TokenStoreError("ERR_UNAVAILABLE", `redis: the server refused it (${why}). Look at its log.`);
  }
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `redis: no answer (${why}). A write may have been done all the same. Check that the server is up and can be ` +
      "reached, and try again.",
  );
}

/** A Cluster's error about all its nodes keeps the one of the last node. */
function nested(error: unknown): string {
  if (!(error instanceof Error) || !("lastNodeError" in error)) return "";
  return error.lastNodeError instanceof Error ? error.lastNodeError.message : "";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
