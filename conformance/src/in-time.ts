import { fail } from "./expect.js";

/** Settles as `promise` does. Fails if that takes longer than `ms`, so that a store that hangs fails too. */
export async function inTime<T>(promise: Promise<T>, ms: number, what: string = "the call"): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TooLate()), ms);
  });
  try {
    return await Promise.race([promise, over]);
  } catch (error) {
    if (error instanceof TooLate) fail(`${what} to end within ${ms} ms`, "it has not ended");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

class TooLate extends Error {}
