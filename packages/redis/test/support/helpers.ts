import { isTokenStoreError, type TokenStoreError } from "@tokenkeep/core";
import { expect } from "vitest";

/** The error that a call rejects with; it must be one of the store's. */
export async function errorOf(call: Promise<unknown>): Promise<TokenStoreError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isTokenStoreError(error), `a TokenStoreError, not ${String(error)}`).toBe(true);
  return error as TokenStoreError;
}

/** Asks until the answer is yes, for up to 100 seconds. */
export async function until(ask: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 100_000; Date.now() < end; ) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Waited in vain for ${what}.`);
}

let count = 0;
/** A namespace that no other test has. */
export function freshNamespace(): string {
  count++;
  return `test-${process.pid}-${Date.now()}-${count}`;
}
