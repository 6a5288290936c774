import { fail } from "./expect.js";

/** What `promise` settles with. Fails where it has not settled within `ms`: a store that hangs has to fail, too. */
export async function inTime<T>(promise: Promise<T>, ms: number, what: string = "the call"): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Late()), ms);
  });
  try {
    return await Promise.race([promise, over]);
  } catch (error) {
    if (error instanceof Late) fail(`${what} to end within ${ms} ms`, "it has not ended");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

class Late extends Error {}
