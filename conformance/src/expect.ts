// The assertions of the cases. A store may have its own classes, so tokens are compared by toPlain() and errors by name
// and code.
import type {
  OAuthToken,
  PlainToken,
  TokenInput,
  TokenStoreError,
  TokenStoreErrorCode,
} from "@tokenkeep/core";
import { isError, show } from "./show.js";

/** What a case found wrong: what was expected, and what the store did. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** Fails with `expected` after "expected:" and `came` after "came:". */
export function fail(expected: string, came: string): never {
  throw new Finding(`expected: ${expected}\ncame:     ${came}`);
}

/** Fails unless `condition` holds. */
export function check(condition: boolean, expected: string, came: string): asserts condition {
  if (!condition) fail(expected, came);
}

/**
 * Deep equality that ignores prototypes, unlike `isDeepStrictEqual`: in a runner with its own realm, such as jest, what
 * comes from a child process or a driver has other prototypes than the case's values.
 */
function isEqual(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return Object.is(one, other);
  }
  const [keys, others] = [Object.keys(one), Object.keys(other)];
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === others.length &&
    keys.every(
      (key) =>
        Object.hasOwn(other, key) &&
        isEqual((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  );
}

/** Fails unless both are deeply equal. For plain values, not for tokens. */
export function same(came: unknown, expected: unknown, what: string): void {
  if (!isEqual(came, expected)) fail(`${what} to be ${show(expected)}`, show(came));
}

/** The plain properties of a token that a store returned. */
export function plain(token: unknown): PlainToken {
  const toPlain: unknown = (token as { toPlain?: unknown } | null | undefined)?.toPlain;
  if (typeof toPlain !== "function")
    fail("a token with toPlain(), such as an OAuthToken of @tokenkeep/core", show(token));
  return toPlain.call(token) as PlainToken;
}

/**
 * Fails unless `token` has exactly these properties: those left out must be null. `id`, `revision`, `createdAt` and
 * `savedAt` may be anything valid if they are left out.
 * @returns its plain properties
 */
export function expectToken(token: OAuthToken | null, expected: TokenInput): PlainToken & { id: string } {
  if (token === null) fail(`the record ${show(expected)}`, "null");
  const came = plain(token);
  if (typeof came.id !== "string" || came.id === "") fail("a record with an id", show(token));
  if (!Number.isSafeInteger(came.revision) || (came.revision ?? 0) < 1) {
    fail("a record with a revision of 1 or more", show(token));
  }
  for (const property of ["createdAt", "savedAt"] as const) {
    if (!Number.isSafeInteger(came[property])) fail(`${property} in Unix milliseconds`, show(came[property]));
  }
  const { id, revision, createdAt, savedAt } = came;
  const wanted = { ...BLANK, id, revision, createdAt, savedAt, ...expected };
  for (const property of Object.keys(BLANK) as (keyof PlainToken)[]) {
    if (!isEqual(came[property], wanted[property])) {
      fail(`${property} to be ${show(wanted[property])}`, show(came[property]));
    }
  }
  return came as PlainToken & { id: string };
}

const BLANK: PlainToken = {
  id: null,
  userSignature: null,
  clientId: null,
  clientSecret: null,
  redirectUrl: null,
  grantToken: null,
  refreshToken: null,
  refreshTokenExpiresAt: null,
  accessToken: null,
  expiresAt: null,
  scope: null,
  tokenType: null,
  idToken: null,
  apiDomain: null,
  issuer: null,
  refreshState: null,
  metadata: null,
  revision: null,
  createdAt: null,
  savedAt: null,
};

/** The names of a token's properties, sorted. */
export const PROPERTIES: readonly string[] = Object.keys(BLANK).sort();

/** Fails unless it is null. */
export function expectNull(token: unknown): void {
  if (token !== null) fail("null", show(token));
}

/** Fails unless these are the records, in this order. */
export function expectIds(tokens: readonly OAuthToken[], ids: readonly string[]): void {
  if (!Array.isArray(tokens)) fail("an array", show(tokens));
  same(
    tokens.map((token) => plain(token).id),
    ids,
    "the ids",
  );
}

/** What an error must say besides its code. */
export interface Expected {
  /** The property that it must name. */
  readonly property?: string;
  /** The id of the record that it must name. */
  readonly id?: string;
  /** A word that its message must contain. */
  readonly word?: string;
  /** Text that no part of it may contain: neither its message, nor its stack, nor its cause. */
  readonly hides?: readonly string[];
}

/** Fails unless the call is rejected (not thrown) with this code. @returns the error */
export async function expectRejection(
  call: () => unknown,
  code: TokenStoreErrorCode,
  expected: Expected = {},
): Promise<TokenStoreError> {
  let outcome: unknown;
  let promise: unknown;
  try {
    promise = call();
  } catch (error) {
    fail(`a promise that rejects with ${code}`, `a throw of ${show(error)}`);
  }
  try {
    outcome = await promise;
  } catch (error) {
    return expectError(error, code, expected);
  }
  return fail(`a rejection with ${code}`, `success: ${show(outcome)}`);
}

/** Fails unless `error` is the store's error with this code. */
export function expectError(
  error: unknown,
  code: TokenStoreErrorCode,
  expected: Expected = {},
): TokenStoreError {
  // From the kit itself: a call that did not end.
  if (error instanceof Finding) throw error;
  const { name, code: came, message } = (error ?? {}) as Partial<TokenStoreError>;
  if (!isError(error) || name !== "TokenStoreError" || came !== code) {
    fail(`TokenStoreError ${code}`, show(error));
  }
  if (typeof message !== "string" || message.trim() === "") fail(`${code} with a message`, "an empty one");
  const { property, id } = error as TokenStoreError;
  if (
    expected.property !== undefined &&
    property !== expected.property &&
    !message.includes(expected.property)
  ) {
    fail(`an error that names the property ${expected.property}`, show(error));
  }
  if (expected.id !== undefined && id !== expected.id && !message.includes(expected.id)) {
    fail(`an error that names the id ${show(expected.id)}`, show(error));
  }
  if (expected.word !== undefined && !message.includes(expected.word)) {
    fail(`an error that mentions ${expected.word}`, show(error));
  }
  for (const hidden of expected.hides ?? []) {
    if (wholeText(error).includes(hidden)) fail(`an error without the value ${show(hidden)}`, show(error));
  }
  return error as TokenStoreError;
}

/** All text of an error that a logger could print, with its causes, stacks and properties. */
export function wholeText(error: unknown): string {
  const seen = new Set<unknown>();
  const collect = (value: unknown): string => {
    if (typeof value !== "object" || value === null) return String(value);
    if (seen.has(value)) return "";
    seen.add(value);
    return Reflect.ownKeys(value)
      .map((key) => `${String(key)}: ${collect((value as Record<PropertyKey, unknown>)[key])}`)
      .join("\n");
  };
  return collect(error);
}
