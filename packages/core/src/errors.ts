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
  | "ERR_UNSUPPORTED"
  | "ERR_KEY"
  | "ERR_LOGIN_REQUIRED"
  | "ERR_PROVIDER";

const RETRYABLE: ReadonlySet<TokenStoreErrorCode> = new Set(["ERR_UNAVAILABLE", "ERR_LOCK_TIMEOUT"]);

/** What a {@link TokenStoreError} says besides its code and its message. */
export interface TokenStoreErrorOptions {
  /** The driver's error. Pass it through {@link redact} first if it can hold a token. */
  cause?: unknown;
  /** Whether the same call can succeed later, unchanged. By default it follows from the code. */
  retryable?: boolean;
  /** Whether a write may have been applied all the same; false by default. */
  uncertain?: boolean;
  /** The property that the error is about. */
  property?: string;
  /** The id of the record that the error is about. */
  id?: string;
}

/**
 * The one error that a store rejects with.
 *
 * Recognise it by `name` and `code`, or by {@link isTokenStoreError}, not by `instanceof`: a program may
 * have two copies of this package.
 */
export class TokenStoreError extends Error {
  /** Always `TokenStoreError`: `instanceof` fails where a program has two copies of this package. */
  override readonly name = "TokenStoreError";
  /** What went wrong. */
  readonly code: TokenStoreErrorCode;
  /** True where the same call can succeed later, unchanged. */
  readonly retryable: boolean;
  /** True where a write may have been applied although it failed: its reply was lost or came too late. */
  readonly uncertain: boolean;
  /** The property that the error is about, such as `refreshToken`; otherwise undefined. */
  declare readonly property?: string;
  /** The id of the record that has what this one wanted (`ERR_CONFLICT`); otherwise undefined. */
  declare readonly id?: string;

  /**
   * Makes an error.
   * @param code what went wrong
   * @param message what happened and what to do about it, without a secret
   * @param options what else is known
   */
  constructor(code: TokenStoreErrorCode, message: string, options: TokenStoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.uncertain = options.uncertain ?? false;
    if (options.property !== undefined) this.property = options.property;
    if (options.id !== undefined) this.id = options.id;
  }
}

/**
 * Recognises a store's error, whichever copy of this package made it.
 * @param error what was caught
 * @returns whether it is a `TokenStoreError`
 */
export function isTokenStoreError(error: unknown): error is TokenStoreError {
  return isError(error) && error.name === "TokenStoreError" && "code" in error;
}

/**
 * Recognises an error, also of another realm: in a test runner, what Node and its drivers throw is of another one.
 * @param value what was caught
 * @returns whether it is an `Error`
 */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/**
 * The `code` of a driver's error.
 * @param error what the driver threw
 * @returns its `code` as text, `""` where it has none
 */
export function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" || typeof code === "number" ? String(code) : "";
}

/** What a driver's errors mean: one row of a backend's table. */
export interface ErrorRule {
  /** Tested against the driver's code; the first rule that matches decides. */
  readonly codes: RegExp;
  /** Our code for it. */
  readonly code: TokenStoreErrorCode;
  /** What happened and what to do, after the backend's name. */
  readonly message: string;
  /** By default it follows from the code. */
  readonly retryable?: boolean;
  /** Whether a write may have been applied all the same; false by default. */
  readonly uncertain?: boolean;
}

/**
 * Translates a driver's error by a table.
 * @param backend the backend's name, for the message
 * @param rules the table
 * @param code the driver's code for the error
 * @returns the error that the first matching rule describes; undefined where none matches
 */
export function translateError(
  backend: string,
  rules: readonly ErrorRule[],
  code: string,
): TokenStoreError | undefined {
  const rule = rules.find(({ codes }) => codes.test(code));
  if (rule === undefined) return undefined;
  const { retryable, uncertain = false } = rule;
  return new TokenStoreError(rule.code, `${backend}: ${rule.message}`, {
    uncertain,
    ...(retryable === undefined ? {} : { retryable }),
  });
}

// What a driver's error may keep. Everything else (mysql2's `sql`, ioredis's `command`, mongodb's
// `op`) can hold the values of the call.
const SAFE_PROPERTIES = ["code", "errno", "sqlState", "syscall", "address", "port", "codeName"] as const;

/** What was thrown that is no error; not all of it can be made text. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** Shorter values are not secrets, and masking them would take letters out of every word. */
const MIN_SECRET = 4;

/**
 * A copy of a driver's error that can be logged: its name, message, stack and codes, with `***` for each secret.
 * @param error what the driver threw
 * @param secrets the values to mask; those under four characters are left
 * @returns the copy, without the error's other properties, since they may hold the values of the call
 */
export function redact(error: unknown, secrets: Iterable<string> = []): Error {
  const source = isError(error) ? error : new Error(textOf(error));
  const masked = redactor(secrets);
  const copy = new Error(masked(source.message));
  copy.name = source.name;
  if (source.stack !== undefined) copy.stack = masked(source.stack);
  for (const property of SAFE_PROPERTIES) {
    const value: unknown = (source as unknown as Record<string, unknown>)[property];
    if (typeof value === "number") Object.assign(copy, { [property]: value });
    else if (typeof value === "string") Object.assign(copy, { [property]: masked(value) });
  }
  return copy;
}

/**
 * Masks secrets in text.
 * @param secrets the values to mask; those under four characters are left
 * @returns a function that replaces each of them by `***`
 */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  // Longest first, so that a secret which contains another leaves no remainder.
  const values = [...new Set(secrets)]
    .filter(({ length }) => length >= MIN_SECRET)
    .sort((a, b) => b.length - a.length);
  return (text) => values.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

/**
 * The passwords in a connection URL, for {@link Backend.secrets}.
 * @param url what the caller gave; what can't be parsed counts as a secret as a whole
 * @returns the password as it is written and as it is sent, and the whole URL where it has one
 */
export function passwordsInUrl(url: string): string[] {
  let password: string;
  try {
    ({ password } = new URL(url));
  } catch {
    return [url];
  }
  if (password === "") return [];
  try {
    return [url, password, decodeURIComponent(password)];
  } catch {
    return [url, password];
  }
}
