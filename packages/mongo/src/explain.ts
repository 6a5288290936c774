import { TokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";

/** Codes of the server, https://www.mongodb.com/docs/v8.0/reference/error-codes/ */
const UNAUTHORIZED = 13;
const AUTHENTICATION_FAILED = 18;
// Atlas tells everything by this one: refused credentials, but also a full quota
const ATLAS_ERROR = 8000;
const INVALID_NAMESPACE = 73;
// CannotCreateIndex, IndexOptionsConflict, IndexKeySpecsConflict, CommandNotSupportedOnView
const INDEX_CONFLICTS: ReadonlySet<unknown> = new Set([67, 85, 86, 166]);
const DUPLICATE_KEY = 11000;

/**
 * What an error of the driver means. It is known by name and code, not by class: the program may have
 * another copy of the driver.
 * @returns undefined for what may be over by itself: no server, a timeout, an election
 */
export function explain(error: unknown): TokenStoreError | undefined {
  const code = codeOf(error);
  if (code === UNAUTHORIZED) {
    return explained("ERR_PERMISSION", "the user may not do this. It needs the role readWrite", error);
  }
  if (code === AUTHENTICATION_FAILED || (code === ATLAS_ERROR && /auth/i.test(messageOf(error)))) {
    return explained(
      "ERR_PERMISSION",
      "the server refused the credentials. Check user, password and authSource",
      error,
    );
  }
  if (code === INVALID_NAMESPACE) {
    return explained(
      "ERR_INVALID_OPTIONS",
      "the server does not take this database or collection name",
      error,
    );
  }
  if (INDEX_CONFLICTS.has(code)) {
    return explained(
      "ERR_SCHEMA",
      "the collection has other indexes than this store needs. Drop those, or use another collection",
      error,
    );
  }
  return undefined;
}

/** Whether a unique index refused a write. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === DUPLICATE_KEY;
}

/**
 * Whether a write was taken back since it and another waited for each other. FerretDB: PostgreSQL checks its
 * constraint behind both inserts, and notices after a second.
 */
export function isDeadlock(error: unknown): boolean {
  return typeof codeOf(error) === "number" && messageOf(error) === "deadlock detected";
}

/** Whether the server answered, with an error that may come from others who do the same right now. */
export function isServerError(error: unknown): boolean {
  return typeof codeOf(error) === "number" && explain(error) === undefined;
}

function explained(code: TokenStoreErrorCode, what: string, error: unknown): TokenStoreError {
  return new TokenStoreError(code, `mongo: ${what}. The server said: ${messageOf(error)}`);
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
