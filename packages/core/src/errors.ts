import { types } from "node:util";

/** What went wrong, for a program to switch on. The core README has a paragraph for each. */
export type TokenStoreErrorCode =
  | "ERR_INVALID_TOKEN"
  | "ERR_INVALID_OPTIONS"
  | "ERR_CONFLICT"
  | "ERR_LOCK_TIMEOUT"
  | "ERR_LOCK_LOST"
  | "ERR_STORE_CLOSED"
  | "ERR_UNAVAILABLE"
  | "ERR_CORRUPT"
  | "ERR_SCHEMA"
  | "ERR_PERMISSION"
  | "ERR_UNSUPPORTED";

const RETRYABLE: ReadonlySet<TokenStoreErrorCode> = new Set(["ERR_UNAVAILABLE", "ERR_LOCK_TIMEOUT"]);

/** What a {@link TokenStoreError} says besides its code and its message. */
export interface TokenStoreErrorOptions {
  /** The driver's error. Pass it through {@link withoutSecrets} first if it can hold a token. */
  cause?: unknown;
  /** Whether the same call can succeed later, unchanged. By default it follows from the code. */
  retryable?: boolean;
  /** The property that the error is about. */
  property?: string;
  /** The id of the record that the error is about. */
  id?: string;
}

/**
 * The one error that a store rejects with.
 *
 * Tell it by `name` and `code`, or by {@link isTokenStoreError}, not by `instanceof`: a program may
 * have two copies of this package.
 */
export class TokenStoreError extends Error {
  /** Always `TokenStoreError`: it tells the error where `instanceof` can't. */
  override readonly name = "TokenStoreError";
  /** What went wrong. */
  readonly code: TokenStoreErrorCode;
  /** True where the same call can succeed later, unchanged. */
  readonly retryable: boolean;
  /** The property that the error is about, such as `refreshToken`; otherwise undefined. */
  declare readonly property?: string;
  /** The id of the record that has what this one wanted (`ERR_CONFLICT`); otherwise undefined. */
  declare readonly id?: string;

  /**
   * Makes an error that tells what to do.
   * @param code what went wrong
   * @param message what happened and what to do about it, without a secret
   * @param options what else is known
   */
  constructor(code: TokenStoreErrorCode, message: string, options: TokenStoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    if (options.property !== undefined) this.property = options.property;
    if (options.id !== undefined) this.id = options.id;
  }
}

/**
 * Tells a store's error, whichever copy of this package made it.
 * @param error what was caught
 * @returns whether it is a `TokenStoreError`
 */
export function isTokenStoreError(error: unknown): error is TokenStoreError {
  return isError(error) && error.name === "TokenStoreError" && "code" in error;
}

// In a test runner's realm, what Node and its drivers throw is of another one.
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

// What a driver's error may keep. Everything else (mysql2's `sql`, ioredis's `command`, mongodb's
// `op`) can hold the values of the call.
const SAFE_PROPERTIES = ["code", "errno", "sqlState", "syscall", "address", "port", "codeName"] as const;

/** What is shorter is no secret, and blotting it out would take letters from every word. */
const MIN_SECRET = 4;

/**
 * A copy of a driver's error that can be logged: its name, message, stack and codes, with each of
 * `secrets` blotted out.
 *
 * @param error what the driver threw
 * @param secrets the values that may not be seen; those under four characters are left, as no secret is so short
 * @returns the copy; what the driver's error has besides is left out, since it may hold the call's values
 */
export function withoutSecrets(error: unknown, secrets: Iterable<string> = []): Error {
  // longest first, so that a secret which contains another leaves no remainder
  const blots = [...new Set(secrets)]
    .filter(({ length }) => length >= MIN_SECRET)
    .sort((a, b) => b.length - a.length);
  const clean = (text: string): string =>
    blots.reduce((cleaned, secret) => cleaned.replaceAll(secret, "***"), text);
  const source = isError(error) ? error : new Error(String(error));
  const copy = new Error(clean(source.message));
  copy.name = source.name;
  if (source.stack !== undefined) copy.stack = clean(source.stack);
  for (const property of SAFE_PROPERTIES) {
    const value: unknown = (source as unknown as Record<string, unknown>)[property];
    if (typeof value === "number") Object.assign(copy, { [property]: value });
    else if (typeof value === "string") Object.assign(copy, { [property]: clean(value) });
  }
  return copy;
}
