import { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type ErrorRule, isError, redact, translateError } from "@tokenkeep/core/backend";

/**
 * What an error of the driver means, by its code (https://www.mongodb.com/docs/v8.0/reference/error-codes/) or by a
 * word of `kindOf`. If no rule is for the error of a write, nobody knows whether the write was applied.
 */
const RULES: readonly ErrorRule[] = [
  {
    codes: /^13$/,
    code: "ERR_PERMISSION",
    message: "the user may not do this. It needs the role readWrite.",
  },
  {
    codes: /^18$/,
    code: "ERR_PERMISSION",
    message: "the server refused the credentials. Check the user, the password and authSource.",
  },
  {
    codes: /^73$/,
    code: "ERR_INVALID_OPTIONS",
    message: "the server does not allow this name of a database or collection.",
  },
  {
    // CannotCreateIndex, IndexOptionsConflict, IndexKeySpecsConflict, CommandNotSupportedOnView
    codes: /^(67|85|86|166)$/,
    code: "ERR_SCHEMA",
    message: "the collection has other indexes, or is a view. Drop those indexes, or use another collection.",
  },
  {
    codes: /^closed$/,
    code: "ERR_UNAVAILABLE",
    message: "the MongoClient is not connected. Nothing was sent. Don't close it before the store.",
  },
  {
    codes: /^unsent$/,
    code: "ERR_UNAVAILABLE",
    message: "no server could be reached. Nothing was sent. Check the address and the server.",
  },
  {
    // LegacyNotPrimary, NotWritablePrimary, NotPrimaryNoSecondaryOk and NotPrimaryOrSecondary refuse the request.
    // After WriteConflict and a deadlock, the write was rolled back.
    codes: /^(10058|10107|13435|13436|112|deadlock)$/,
    code: "ERR_UNAVAILABLE",
    message: "the server refused the write for now, and nothing was applied. Try again.",
  },
];

// By name, since the program may have a second copy of the driver.
const CLOSED = /^Mongo(NotConnected|TopologyClosed|ClientClosed)Error$/;
const UNSENT = /^Mongo(ServerSelection|PoolCleared|PoolClosed|ServerClosed|WaitQueueTimeout)Error$/;
/**
 * InterruptedAtShutdown and the like: the server ended a read, lost the cursor or another server, or the collection was
 * dropped.
 */
const INTERRUPTED = /^(6|7|43|89|91|175|189|262|9001|11600|11602)$/;

/**
 * Translates an error of the driver.
 * @returns undefined for `ERR_UNAVAILABLE`, and in a write uncertain
 */
export function toStoreError(error: unknown): TokenStoreError | undefined {
  const known = translateError("mongo", RULES, kindOf(error));
  if (known === undefined) return undefined;
  return new TokenStoreError(known.code, `${known.message} The driver said: ${messageOf(error)}`);
}

/** Whether a write certainly was not applied, and may be sent again. */
export function isUnapplied(error: unknown): boolean {
  return kindOf(error) !== "closed" && toStoreError(error)?.code === "ERR_UNAVAILABLE";
}

/** Whether FerretDB rolled the write back because it and another waited for each other. */
export function isDeadlock(error: unknown): boolean {
  return kindOf(error) === "deadlock";
}

/** Whether the request was never sent. */
export function isUnsent(error: unknown): boolean {
  return kindOf(error) === "unsent";
}

/** Whether a read may succeed in a moment. */
export function isTransient(error: unknown): boolean {
  return isUnapplied(error) || INTERRUPTED.test(codeOf(error)) || /Network/.test(nameOf(unwrapped(error)));
}

/** Whether a unique index refused a write. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === "11000";
}

/** Whether it was the index of `_id`: MongoDB says `index: _id_ dup key`, FerretDB `Index '_id_'`. */
export function isDuplicateId(error: unknown): boolean {
  return isDuplicate(error) && /index:? '?_id_\b/i.test(messageOf(error));
}

/** Whether the server answered with an error that no rule is for. */
export function isUnknownAnswer(error: unknown): boolean {
  return /^\d+$/.test(codeOf(error)) && toStoreError(error) === undefined;
}

/** What the rules compare: a code of the server's, or a word for what the driver and FerretDB have no code for. */
function kindOf(thrown: unknown): string {
  const error = unwrapped(thrown);
  const [code, name, message] = [codeOf(error), nameOf(error), messageOf(error)];
  if (CLOSED.test(name)) return "closed";
  if (code === "" && (UNSENT.test(name) || hasLabel(error, "HandshakeError"))) return "unsent";
  // FerretDB: PostgreSQL found two writes that wait for each other, and rolled one back.
  if (code !== "" && message === "deadlock detected") return "deadlock";
  // Atlas reports refused credentials by a code that it has for other things too.
  if (code === "8000" && /auth/i.test(message)) return "18";
  // Errors of other names, such as MongoWriteConcernError, are of writes that were applied.
  return name === "MongoServerError" ? code : "";
}

/** The error of one statement or connection, where the driver wraps it as that of a bulk write. */
function unwrapped(error: unknown): unknown {
  const { errorResponse } = (error ?? {}) as { errorResponse?: unknown };
  return isError(errorResponse) ? errorResponse : error;
}

function hasLabel(error: unknown, label: string): boolean {
  const { hasErrorLabel } = error as { hasErrorLabel?: unknown };
  return typeof hasErrorLabel === "function" && hasErrorLabel.call(error, label) === true;
}

function nameOf(error: unknown): string {
  return isError(error) ? error.name : "";
}

function messageOf(error: unknown): string {
  return redact(error).message;
}
