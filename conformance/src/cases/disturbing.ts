// What the cases of outages and of lost replies share.
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore, TokenStoreError } from "@tokenkeep/core";
import type { DisruptionMeans, Kit } from "../case.js";
import { check, expectError, plain, same } from "../expect.js";
import { inTime } from "../in-time.js";
import { show } from "../show.js";

/** The time limit of the calls in these cases, if the module passes it on. */
export const TIMEOUT_MS = 2000;
/** Above the default time limit, for a module that does not pass the option on: a longer call hangs. */
export const HANGS_MS = 15_000;
/** How long a call that has ended might still take effect, if it did so in error. */
export const LATE_MS = 1500;

export const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

/** Disturbs the backend. It is restored when the case ends. */
export async function disturb(
  kit: Kit,
  means: Exclude<keyof DisruptionMeans, "loseReply" | "failover" | "restore">,
): Promise<void> {
  restoreAtEnd(kit);
  kit.note(`module.disruptions.${means}()`)("");
  await kit.module.disruptions?.[means]?.();
}

/** Loses a reply, and lets nothing through until {@link restore}. */
export async function loseReply(kit: Kit, skip: number): Promise<void> {
  restoreAtEnd(kit);
  kit.note(`module.disruptions.loseReply(${skip})`)("");
  await kit.module.disruptions?.loseReply?.(skip);
}

export async function restore(kit: Kit): Promise<void> {
  kit.note("module.disruptions.restore()")("");
  await kit.module.disruptions?.restore?.();
}

function restoreAtEnd(kit: Kit): void {
  kit.onEnd(() => kit.module.disruptions?.restore?.());
}

/** How a call ended that may fail during an outage. */
export type Outcome<T> = { readonly value: T; readonly error?: never } | { readonly error: TokenStoreError };

/** The outcome of a call: it has to end in time, and may fail only as an outage allows. */
export function outcomeOf<T>(
  call: Promise<T>,
  isAllowed: (code: string) => boolean = () => false,
): Promise<Outcome<T>> {
  return awaitedLater(
    inTime(call, HANGS_MS).then(
      (value): Outcome<T> => ({ value }),
      (error: unknown): Outcome<T> => {
        const { code } = error as TokenStoreError;
        if (isAllowed(code)) return { error: expectError(error, code) };
        const known = expectError(error, "ERR_UNAVAILABLE");
        same(known.retryable, true, "retryable, on the error of a call that the outage ended,");
        check(typeof known.uncertain === "boolean", "uncertain to be true or false", show(known.uncertain));
        return { error: known };
      },
    ),
  );
}

/** The revision that a save made, or null if the outage ended it. */
export function trySave(
  store: TokenStore,
  name: string,
  token: { accessToken: string },
): Promise<number | null> {
  const saving = outcomeOf(store.saveToken({ ...user(name), ...token }));
  return awaitedLater(
    saving.then((saved) => (saved.error === undefined ? plain(saved.value).revision : null)),
  );
}

/** A case may do something else before it awaits a promise, or fail before it does. */
function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Waits until the same store works again by itself. */
export async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await outcomeOf(call());
    if (outcome.error === undefined) return outcome.value;
    check(
      attempt < 20,
      "a store that works again once the backend is back",
      `${show(outcome.error)}, ${attempt} times`,
    );
    await sleep(250);
  }
}
