/** The first pause after a failure, in milliseconds; each further failure doubles it. */
const FIRST_PAUSE_MS = 500;

/** The longest pause, in milliseconds. */
const LAST_PAUSE_MS = 300_000;

/** What a provider asks for with `Retry-After` is believed up to here, in milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * How long nobody asks the provider again.
 * @param failures how many requests have failed in a row, 1 or more
 * @param retryAfterMs what the provider asked for
 * @returns the pause in milliseconds, with some jitter, so that many records don't come back at once
 */
export function pauseAfter(failures: number, retryAfterMs: number | undefined): number {
  const pause = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
  const jittered = pause * (1 + Math.random() / 4);
  return Math.ceil(Math.max(jittered, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)));
}
