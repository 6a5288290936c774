import { tracingChannel } from "node:diagnostics_channel";
import { isTokenStoreError } from "./errors.js";

/** What a message on `tokenkeep:call` and `tokenkeep:lock` says. Never a secret. */
export interface TraceContext {
  /** The backend's name: `redis`, `sqlite`, … */
  readonly backend: string;
  /** The store's namespace. */
  readonly namespace: string;
  /** The method that was called. */
  readonly method: string;
  /** The record's id, where the call names one or its result does. */
  id?: string;
  /** On `asyncEnd`: how the call ended. */
  outcome?: "ok" | "error";
  /** On `asyncEnd`: the error's code. */
  code?: string;
}

const CALL = tracingChannel<unknown, TraceContext>("tokenkeep:call");
const LOCK = tracingChannel<unknown, TraceContext>("tokenkeep:lock");

/** Runs a call, and publishes its start and end where somebody subscribed. Otherwise computes nothing. */
export function traced<T>(
  channel: "call" | "lock",
  context: () => TraceContext,
  work: () => Promise<T>,
): Promise<T> {
  const { start, asyncEnd } = channel === "call" ? CALL : LOCK;
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
