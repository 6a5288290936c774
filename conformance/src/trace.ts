import type { TokenStore } from "@tokenkeep/core";
import { Finding } from "./expect.js";
import { show, showAnswer } from "./show.js";

/** How many of the last calls a failure message shows. */
const SHOWN = 25;
/** A call and its result stand on one line of at most so many characters, or on two. */
const LONGEST = 110;

/** What a case did, with what came of it. */
export class Trace {
  readonly #calls: { call: string; result: string; times: number }[] = [];
  #dropped = 0;

  /** @returns tells what came of it */
  add(call: string): (result: string) => void {
    this.#mergeLast();
    const line = { call, result: "(has not ended)", times: 1 };
    this.#calls.push(line);
    if (this.#calls.length > SHOWN) this.#dropped += this.#calls.shift()?.times ?? 0;
    return (result) => {
      line.result = result === "" ? "" : `→ ${result}`;
    };
  }

  /** A reader that looks again and again and sees the same is one line. */
  #mergeLast(): void {
    const [before, last] = this.#calls.slice(-2);
    if (before === undefined || last === undefined) return;
    if (before.call !== last.call || before.result !== last.result || last.result === "(has not ended)")
      return;
    before.times += last.times;
    this.#calls.pop();
  }

  clear(): void {
    this.#calls.length = 0;
    this.#dropped = 0;
  }

  get lines(): string[] {
    this.#mergeLast();
    const lines = this.#calls.flatMap(({ call, result, times }) => {
      const text = times === 1 ? result : `${result} (${times} times)`;
      const line = `${call} ${text}`.trimEnd();
      return line.length <= LONGEST ? [line] : [call, `    ${text}`];
    });
    return this.#dropped > 0 ? [`(${this.#dropped} earlier calls)`, ...lines] : lines;
  }
}

/** The same store, with each call to it noted under the name `as`. */
export function traced(store: TokenStore, as: string, trace: Trace): TokenStore {
  return new Proxy(store, {
    get(target, property) {
      // not the proxy as receiver: private fields would not be found on it
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        // toString, toJSON and the like are no calls that a case makes
        if (typeof property === "string" && /^to(?!kens$)/.test(property)) return value.apply(target, args);
        const tell = trace.add(`${as}${nameOf(property)}(${args.map(show).join(", ")})`);
        let result: unknown;
        try {
          result = value.apply(target, args);
        } catch (error) {
          tell(`throws ${show(error)}`);
          throw error;
        }
        if (isPromise(result)) {
          result.then(
            (settled) => tell(showAnswer(settled, args[0])),
            (error) =>
              tell(error instanceof Finding ? "rejects, as told below" : `rejects with ${show(error)}`),
          );
          return result;
        }
        if (property === "tokens" && isIterator(result)) return counted(result, tell);
        tell(show(result));
        return result;
      };
    },
  });
}

const nameOf = (property: string | symbol): string =>
  typeof property === "string" ? `.${property}` : `[${property.description}]`;

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === "function";

const isIterator = (value: unknown): value is AsyncIterator<unknown> =>
  typeof (value as { next?: unknown } | null | undefined)?.next === "function" &&
  typeof (value as Partial<AsyncIterableIterator<unknown>>)[Symbol.asyncIterator] === "function";

/** The same iterator; tells how many have come out of it. */
function counted(iterator: AsyncIterator<unknown>, tell: (result: string) => void): AsyncIterator<unknown> {
  let count = 0;
  const outcome = async (step: Promise<IteratorResult<unknown>> | undefined) => {
    try {
      const result = await step;
      if (result?.done === false) count++;
      tell(`${count} tokens${result?.done === false ? " so far" : ""}`);
      return result ?? { done: true as const, value: undefined };
    } catch (error) {
      tell(`${count} tokens, then rejects with ${show(error)}`);
      throw error;
    }
  };
  const wrapped: AsyncIterableIterator<unknown> = {
    next: () => outcome(iterator.next()),
    return: () => outcome(iterator.return?.()),
    [Symbol.asyncIterator]: () => wrapped,
  };
  return wrapped;
}
