import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "./errors.js";

/** The longest span that a timer can wait, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** The number of `--max-rate`. @throws UsageError */
export function parseRate(text: string): number {
  const perSecond = Number(text);
  if (!(perSecond > 0)) throw new UsageError("--max-rate must be a number of records per second.");
  return perSecond;
}

/**
 * Keeps work on a live database to a number of records per second. A pause is not made up for afterwards.
 * @param perSecond the number, undefined for as fast as it goes
 * @param signal ends a wait; the caller has to stop
 * @returns told how many records are done, waits until the next may come
 */
export function paceOf(perSecond: number | undefined, signal: AbortSignal): (count: number) => Promise<void> {
  if (perSecond === undefined) return async () => {};
  let done = 0;
  let nextAt = performance.now();
  return async (count) => {
    const now = performance.now();
    nextAt = Math.max(nextAt + ((count - done) / perSecond) * 1000, now);
    done = count;
    const ms = Math.min(nextAt - now, LONGEST_MS);
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
  };
}
