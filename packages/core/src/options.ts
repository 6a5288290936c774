import { type CheckedEncryption, checkEncryption, type EncryptionOptions } from "./encryption/options.js";
import { TokenStoreError } from "./errors.js";

/** The options that every store has. */
export interface StoreOptions {
  /** Separates stores in one database: any string of up to 255 characters. By default `""`. */
  readonly namespace?: string | undefined;
  /** How long one call may take, in milliseconds; 10,000 by default. */
  readonly timeoutMs?: number | undefined;
  /** How long the lock of a holder that died stays taken, in milliseconds; 10,000 by default. */
  readonly leaseMs?: number | undefined;
  /** Keys that seal the secrets and the metadata of every record. By default they are stored in plaintext. */
  readonly encryption?: EncryptionOptions | undefined;
}

/** The options of every store that persists its records. */
export interface PersistentStoreOptions extends StoreOptions {
  /**
   * `"create"`, the default, creates what is missing and migrates what is older. `"existing"` does neither: for tools
   * that only look.
   */
  readonly open?: "create" | "existing" | undefined;
}

/** The options that every store has, checked. */
export interface CheckedStoreOptions {
  /** As given, or `""`. */
  readonly namespace: string;
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** In milliseconds. */
  readonly leaseMs: number;
  /** Whether what is missing is created. */
  readonly open: "create" | "existing";
  /** The keys, if there are any. */
  readonly encryption: CheckedEncryption | undefined;
}

/** The longest span that a timer of Node can wait; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks the options that every store has, and that there are none besides those and `own`.
 * @param options what the caller gave
 * @param own the names of the backend's own options, `open` among them where the store persists
 * @returns the common options, with defaults; times in milliseconds
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkStoreOptions(
  options: PersistentStoreOptions,
  own: readonly string[],
): CheckedStoreOptions {
  checkOptionNames("store", options, ["namespace", "timeoutMs", "leaseMs", "encryption", ...own]);
  const { namespace = "", open = "create", encryption } = options;
  if (typeof namespace !== "string" || !namespace.isWellFormed() || [...namespace].length > 255) {
    throw invalidOption("namespace must be a well-formed string of up to 255 characters.");
  }
  if (open !== "create" && open !== "existing") throw invalidOption('open must be "create" or "existing".');
  return {
    namespace,
    open,
    timeoutMs: checkMs("timeoutMs", options.timeoutMs ?? 10_000),
    leaseMs: checkMs("leaseMs", options.leaseMs ?? 10_000),
    encryption: encryption === undefined ? undefined : checkEncryption(encryption),
  };
}

/**
 * Checks that options are an object, and that each has a known name: a misspelt condition would be no condition.
 * @param what whose options they are, for the message: `store`, `saveToken`
 * @param options what the caller gave
 * @param known every name that there is
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkOptionNames(what: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) {
    throw invalidOption(
      `The options of the ${what} are undefined. If they come from an environment variable, is it set?`,
    );
  }
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalidOption(`The options of the ${what} must be an object.`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw invalidOption(`Unknown option ${JSON.stringify(name)}. The options are ${known.join(", ")}.`);
    }
  }
}

/**
 * Checks the `url` of a store.
 * @param url what the caller gave
 * @param protocols the protocols that will do, without the colon
 * @param shape a URL as an example, for the message
 * @returns the parsed URL
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`, without the URL, which may hold a password
 */
export function checkUrl(url: unknown, protocols: readonly string[], shape: string): URL {
  if (url === undefined) {
    throw invalidOption(`url is undefined. Is the environment variable set? It must be ${shape}.`);
  }
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  // An "@" after the host: the password has a "/", "?" or "#", and the host is its first half.
  if (parsed === undefined || /@/.test(parsed.pathname + parsed.search + parsed.hash)) {
    throw invalidOption(
      `url can't be parsed. It must be ${shape}. Percent-encode "/", "@", ":", "?" and "#" in a user or password.`,
    );
  }
  if (!protocols.includes(parsed.protocol.slice(0, -1))) throw invalidOption(`url must be ${shape}.`);
  for (const part of [parsed.username, parsed.password, parsed.pathname]) {
    try {
      decodeURIComponent(part);
    } catch {
      throw invalidOption(`url has a "%" that is not percent-encoded: write it as %25. It must be ${shape}.`);
    }
  }
  return parsed;
}

/**
 * Checks a span of time.
 * @param name the option's name, for the message
 * @param value what the caller gave
 * @param min the shortest span that will do, in milliseconds
 * @returns the span, in milliseconds
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkMs(name: string, value: unknown, min: number = 1): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > MAX_TIMER_MS) {
    throw invalidOption(`${name} must be an integer of milliseconds from ${min} to ${MAX_TIMER_MS}.`);
  }
  return value;
}

/**
 * Checks an option `signal`.
 * @param signal what the caller gave
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw invalidOption("signal must be an AbortSignal.");
}

/**
 * Checks an option that the library calls.
 * @param name the option's name
 * @param value what the caller gave
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw invalidOption(`${name} must be a function.`);
}

/**
 * The error for an option that is not valid.
 * @param message what is wrong, and what would be right
 * @returns an error `ERR_INVALID_OPTIONS`, to be thrown
 */
export function invalidOption(message: string): TokenStoreError {
  return new TokenStoreError("ERR_INVALID_OPTIONS", message);
}
