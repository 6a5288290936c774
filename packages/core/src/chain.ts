import type { MaybePromise } from "./backend.js";
import { isPromise } from "./deadline.js";

/** What `next` makes of a result: at once where the result is there at once, so that synchronous backends stay so. */
export function chain<A, B>(result: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return isPromise(result) ? result.then(next) : next(result);
}
