import { TokenStoreError } from "@tokenkeep/core";
import { type ErrorRule, isError, translateError } from "@tokenkeep/core/backend";
import { LAYOUT } from "./schema.js";

// A reply of the server begins with its code; that of a command inside a script may follow other text.
const RULES: readonly ErrorRule[] = [
  {
    codes: /\b(NOAUTH|WRONGPASS|DENIED)\b|invalid username-password|invalid password/i,
    code: "ERR_PERMISSION",
    message: "the server wants a user name and a password, or other ones. Give them in the url.",
  },
  {
    codes: /\bNOPERM\b|ACL failure|has no permissions/i,
    code: "ERR_PERMISSION",
    message: "this user may not run a command that the store needs. Allow what the README lists.",
  },
  {
    codes: /\bREADONLY\b/,
    code: "ERR_UNAVAILABLE",
    message:
      "this server is a replica now, and no master took its place in time. Nothing was saved. Try again.",
  },
  {
    codes: /\bOOM\b/,
    code: "ERR_UNAVAILABLE",
    message: "the server's memory is full (maxmemory). Nothing was saved. Give it more, and try again.",
  },
  {
    codes: /\bMISCONF\b/,
    code: "ERR_UNAVAILABLE",
    message:
      "the server can't write to its disk. Nothing was saved. Check its log and its disk, and try again.",
  },
  {
    codes: /\bNOREPLICAS\b/,
    code: "ERR_UNAVAILABLE",
    message:
      "the server has fewer replicas than min-replicas-to-write. Nothing was saved. Start them, and try again.",
  },
  {
    codes: /\bLOADING\b/,
    code: "ERR_UNAVAILABLE",
    message: "the server is loading its data. Try again soon.",
  },
  {
    codes: /\bBUSY\b/,
    code: "ERR_UNAVAILABLE",
    message: "the server is busy with another client's script. Nothing was saved. Try again soon.",
  },
  {
    codes: /\b(CLUSTERDOWN|TRYAGAIN|MASTERDOWN|MOVED|ASK)\b|Failed to refresh slots cache/i,
    code: "ERR_UNAVAILABLE",
    message: "the Cluster has no master for these keys, as in a failover. Nothing was saved. Try again soon.",
  },
  {
    codes: /\bWRONGTYPE\b/,
    code: "ERR_CORRUPT",
    message:
      "a key of this namespace is of another type. Nothing was changed. Restore a backup, or remove the key.",
  },
  {
    codes: /\bCROSSSLOT\b/,
    code: "ERR_INVALID_OPTIONS",
    message: "the client's keyPrefix spreads the keys over slots. Leave braces out of it.",
  },
  {
    codes: /DB index is out of range|invalid DB index|SELECT is not allowed/i,
    code: "ERR_INVALID_OPTIONS",
    message: "the server has no database of this number. Choose another one; a Cluster has database 0 alone.",
  },
  {
    codes: /unknown command|Unknown Redis command|Error compiling script|Unexpected engine/i,
    code: "ERR_UNSUPPORTED",
    message:
      "the server lacks a command that the README lists: it is older than Redis 7, or one was disabled.",
  },
];

/** Translates a reply of the server, or what ioredis says of a connection. */
export function toStoreError(error: unknown): TokenStoreError | undefined {
  const texts = [textOf(error), nestedIn(error)];
  for (const text of texts) {
    const layout = /TOKENKEEP_LAYOUT (\S+)/.exec(text)?.[1];
    if (layout !== undefined) return wrongLayout(layout);
    const known = translateError("redis", RULES, text);
    if (known !== undefined) return withReply(known, text);
  }
  if (!isReply(error)) return undefined;
  return withReply(
    new TokenStoreError("ERR_UNAVAILABLE", "redis: the server refused the request. Check its log."),
    texts[0]!,
  );
}

function withReply({ code, message, retryable }: TokenStoreError, reply: string): TokenStoreError {
  return new TokenStoreError(code, `${message} (${reply.split("\n", 1)[0]})`, { retryable });
}

function wrongLayout(layout: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_SCHEMA",
    `redis: the records of this namespace are in layout ${layout}, and this version of @tokenkeep/redis knows ` +
      `layout ${LAYOUT}. Nothing was changed. Update @tokenkeep/redis.`,
  );
}

/** Whether the server answered. */
export function isReply(error: unknown): boolean {
  return isError(error) && error.name === "ReplyError";
}

/** Whether the server does not know a script by its digest: it is new, was restarted, or took over. */
export function isUnknownScript(error: unknown): boolean {
  return textOf(error).startsWith("NOSCRIPT");
}

/** Whether the server takes no writes at the moment, but may still be the master. */
export function isWriteStop(error: unknown): boolean {
  return /^(MISCONF|NOREPLICAS)\b/.test(textOf(error));
}

/** Whether the server is a replica. */
export function isReplica(error: unknown): boolean {
  return /^READONLY\b/.test(textOf(error));
}

/** Whether nothing was applied, and the same request may succeed soon. */
export function isUnapplied(error: unknown): boolean {
  return /^(READONLY|LOADING|BUSY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|MOVED|ASK) |enableOfflineQueue options is false/.test(
    textOf(error),
  );
}

function textOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}

/** A Cluster's error about all its nodes has the one of the last node. */
function nestedIn(error: unknown): string {
  return isError(error) && "lastNodeError" in error ? textOf(error.lastNodeError) : "";
}
