import { tracingChannel } from "node:diagnostics_channel";
import { isTokenStoreError } from "./errors.js";
import type { TokenStore } from "./token-store.js";

/** Where a store keeps its records. */
export interface StorePlace {
  /** The backend's name: `redis`, `sqlite`, … */
  readonly backend: string;
  /** The store's namespace; undefined where nobody knows it. */
  readonly namespace?: string;
}

/** What a message on `tokenkeep:call`, `tokenkeep:lock` and `tokenkeep:refresh` says. Never a secret. */
export interface TraceContext extends StorePlace {
  /** The method that was called. */
  readonly method: string;
  /** The record's id, where the call names one or its result does. */
  id?: string;
  /** On `asyncEnd`: how the call ended. */
  outcome?: "ok" | "error";
  /** On `asyncEnd`: the error's code. */
  code?: string;
}

const CHANNELS = {
  call: tracingChannel<unknown, TraceContext>("tokenkeep:call"),
  lock: tracingChannel<unknown, TraceContext>("tokenkeep:lock"),
  refresh: tracingChannel<unknown, TraceContext>("tokenkeep:refresh"),
};

/**
 * Publishes the start and end of some work where somebody subscribed. Otherwise it computes nothing.
 * @param channel where to publish: `tokenkeep:call` and so on
 * @param context makes the message
 * @param work what to do
 * @returns what `work` returns
 */
export function traced<T>(
  channel: "call" | "lock" | "refresh",
  context: () => TraceContext,
  work: () => Promise<T>,
): Promise<T> {
  const { start, asyncEnd } = CHANNELS[channel];
  if (!start.hasSubscribers && !asyncEnd.hasSubscribers) return work();
  const message = context();
  return start.runStores(message, () => {
    const result = work();
    result.then(
      (value) => {
        message.outcome = "ok";
        const id: unknown = (value as { id?: unknown } | null | undefined)?.id;
        if (typeof id === "string") message.id ??= id;
        asyncEnd.publish(message);
      },
      (error) => {
        message.outcome = "error";
        if (isTokenStoreError(error)) message.code = error.code;
        asyncEnd.publish(message);
      },
    );
    return result;
  });
}

// A symbol that two copies of this package share.
const PLACE = Symbol.for("tokenkeep.place");

/** Notes where a store keeps its records. */
export function notePlace(store: TokenStore, place: StorePlace): void {
  Object.defineProperty(store, PLACE, { value: place });
}

/**
 * Where a store keeps its records, as far as it says so.
 * @param store any store
 * @returns its backend and namespace; of a store that is not a `BaseTokenStore`, the name of its class
 */
export function placeOf(store: TokenStore): StorePlace {
  const place = (store as { [PLACE]?: StorePlace })[PLACE];
  return place ?? { backend: store.constructor.name.replace(/TokenStore$/, "").toLowerCase() };
}
