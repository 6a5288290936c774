import { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type ErrorRule, isError, redact, translateError } from "@tokenkeep/core/backend";

const UNSENT = "unsent";
const CLIENT_CLOSED = "client closed";
const DEADLOCK = "deadlock";
const DUPLICATE_KEY = "11000";

/**
 * What an error of the driver means, by its code (https://www.mongodb.com/docs/v8.0/reference/error-codes/) or one of
 * the words above. Of a write that no rule is for, nobody knows whether it was applied.
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
    codes: new RegExp(`^${CLIENT_CLOSED}$`),
    code: "ERR_UNAVAILABLE",
    message: "the MongoClient is not connected. Nothing was sent. Don't close it before the store.",
  },
  {
    codes: new RegExp(`^${UNSENT}$`),
    code: "ERR_UNAVAILABLE",
    message: "no server could be reached. Nothing was sent. Check the address and the server.",
  },
  {
    // LegacyNotPrimary, NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary: refused unread.
    // WriteConflict, and FerretDB's deadlock: rolled back.
    codes: new RegExp(`^(10058|10107|13435|13436|112|${DEADLOCK})$`),
    code: "ERR_UNAVAILABLE",
    message: "the server refused the write for now, and nothing was applied. Try again.",
  },
];

/** Rejected before a request was sent. By name, since the program may have a second copy of the driver. */
const UNSENT_NAMES: ReadonlySet<string> = new Set([
  "MongoServerSelectionError",
  "MongoPoolClearedError",
  "MongoPoolClosedError",
  "MongoServerClosedError",
  "MongoWaitQueueTimeoutError",
]);
const CLIENT_CLOSED_NAMES: ReadonlySet<string> = new Set([
  "MongoNotConnectedError",
  "MongoTopologyClosedError",
  "MongoClientClosedError",
]);
/** InterruptedAtShutdown and the like: the server ended the request in the middle, or lost another server. */
const INTERRUPTED = /^(6|7|89|91|189|262|9001|11600|11602)$/;

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
  return kindOf(error) !== CLIENT_CLOSED && toStoreError(error)?.code === "ERR_UNAVAILABLE";
}

/** Whether the request was never sent. */
export function isUnsent(error: unknown): boolean {
  return kindOf(error) === UNSENT;
}

/** Whether a read may succeed in a moment. */
export function isTransient(error: unknown): boolean {
  return isUnapplied(error) || INTERRUPTED.test(codeOf(error)) || /Network/.test(nameOf(error));
}

/** Whether a unique index refused a write. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === DUPLICATE_KEY;
}

/** Whether it was the index of `_id`: MongoDB says `index: _id_ dup key`, FerretDB `Index '_id_'`. */
export function isDuplicateId(error: unknown): boolean {
  return isDuplicate(error) && /index:? '?_id_\b/i.test(messageOf(error));
}

/** Whether the server answered with an error that is no rule's. */
export function isUnknownAnswer(error: unknown): boolean {
  return /^\d+$/.test(codeOf(error)) && toStoreError(error) === undefined;
}

function kindOf(thrown: unknown): string {
  const error = unwrapped(thrown);
  const code = codeOf(error);
  const name = nameOf(error);
  // FerretDB: PostgreSQL found two writes that wait for each other, and rolled one back.
  if (code !== "" && messageOf(error) === "deadlock detected") return DEADLOCK;
  // Atlas reports refused credentials by a code that it has for other things too.
  if (code === "8000" && /auth/i.test(messageOf(error))) return "18";
  if (CLIENT_CLOSED_NAMES.has(name)) return CLIENT_CLOSED;
  if (code === "" && (UNSENT_NAMES.has(name) || hasLabel(error, "HandshakeError"))) return UNSENT;
  // Of a write concern that failed, the write itself was applied. So it is of a bulk write whose own code this is.
  return name === "MongoServerError" ? code : "";
}

/** What was thrown in a bulk write: the driver wraps it. */
function unwrapped(error: unknown): unknown {
  const { errorResponse } = (error ?? {}) as { errorResponse?: unknown };
  return isError(errorResponse) ? errorResponse : error;
}

function hasLabel(error: unknown, label: string): boolean {
  const { hasErrorLabel } = error as { hasErrorLabel?: unknown };
  return typeof hasErrorLabel === "function" && hasErrorLabel.call(error, label) === true;
}

function nameOf(error: unknown): string {
  const unwrappedError = unwrapped(error);
  return isError(unwrappedError) ? unwrappedError.name : "";
}

function messageOf(error: unknown): string {
  return redact(error).message;
}
