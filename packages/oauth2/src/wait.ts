import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits for a promise, no longer than a caller wants to.
 * @param promise what to wait for; it goes on whatever ends the wait
 * @param ms how long to wait, in milliseconds
 * @param signal ends the wait with its reason
 * @param onTimeout what to do when the time is over
 * @returns what the promise or `onTimeout` gives
 */
export function waitFor<T>(
  promise: Promise<T>,
  ms: number,
  signal: AbortSignal | undefined,
  onTimeout: () => T | Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      end();
      new Promise<T>((settle) => settle(onTimeout())).then(resolve, reject);
    }, ms);
    const abort = () => {
      end();
      reject(signal?.reason);
    };
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(end);
  });
}

/** Waits; the process stays alive meanwhile. */
export async function pause(ms: number): Promise<void> {
  await delay(ms);
}

/** Calls a callback of the program. If it throws, that is the program's bug, not the caller's. */
export function tell(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
