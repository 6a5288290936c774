import { TokenStoreError } from "./errors.js";

/** The options that every store has. */
export interface StoreOptions {
  /** Separates stores in one database: any string of up to 255 characters. By default `""`. */
  readonly namespace?: string | undefined;
  /** How long one call may take, in milliseconds; 10,000 by default. */
  readonly timeoutMs?: number | undefined;
  /** How long the lock of a holder that died stays taken, in milliseconds; 10,000 by default. */
  readonly leaseMs?: number | undefined;
}

/** The longest span that a timer of Node can wait; longer ones would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks the options that every store has, and that there are none besides those and `known`.
 * @param options what the caller gave
 * @param known the names of the backend's own options
 * @returns the options that every store has, those that were left out by their default; times in milliseconds
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkStoreOptions(
  options: StoreOptions,
  known: readonly string[],
): { namespace: string; timeoutMs: number; leaseMs: number } {
  if (typeof options !== "object" || options === null) {
    throw invalidOption("The options must be an object.");
  }
  const all = ["namespace", "timeoutMs", "leaseMs", ...known];
  for (const name of Object.keys(options)) {
    if (!all.includes(name)) {
      throw invalidOption(`Unknown option ${JSON.stringify(name)}. There are ${all.join(", ")}.`);
    }
  }
  const { namespace = "" } = options;
  if (typeof namespace !== "string" || !namespace.isWellFormed() || [...namespace].length > 255) {
    throw invalidOption("namespace must be a well-formed string of up to 255 characters.");
  }
  return {
    namespace,
    timeoutMs: checkMs("timeoutMs", options.timeoutMs ?? 10_000),
    leaseMs: checkMs("leaseMs", options.leaseMs ?? 10_000),
  };
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
    throw invalidOption(`${name} must be a whole number of milliseconds from ${min} to ${MAX_TIMER_MS}.`);
  }
  return value;
}

/**
 * The error for an option that can't be.
 * @param message what is wrong, and what would be right
 * @returns an error `ERR_INVALID_OPTIONS`, to be thrown
 */
export function invalidOption(message: string): TokenStoreError {
  return new TokenStoreError("ERR_INVALID_OPTIONS", message);
}
