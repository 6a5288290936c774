import type { TokenStore } from "@tokenkeep/core";
import { Finding } from "./expect.js";
import { show, showAnswer } from "./show.js";

/** How many of the last calls a failure shows. */
const SHOWN = 25;
/** A call and its result are on one line if it is no longer than this. */
const LONGEST = 110;

/** The calls of a case, with their results. */
export class Trace {
  readonly #calls: { call: string; result: string; times: number }[] = [];
  #dropped = 0;

  /** @returns a function that records the result */
  add(call: string): (result: string) => void {
    this.#mergeLast();
    const line = { call, result: "(has not ended)", times: 1 };
    this.#calls.push(line);
    if (this.#calls.length > SHOWN) this.#dropped += this.#calls.shift()?.times ?? 0;
    return (result) => {
      line.result = result === "" ? "" : `→ ${result}`;
    };
  }

  /** Repeated calls with the same result become one line. */
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

/** The same store, with each call to it recorded under the name `as`. */
export function traced(store: TokenStore, as: string, trace: Trace): TokenStore {
  return new Proxy(store, {
    get(target, property) {
      // With the proxy as receiver, private fields would not be found.
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        // Inspecting a store calls toString, toJSON and the like: not calls that a case makes.
        if (typeof property === "string" && /^to(?!kens$)/.test(property)) return value.apply(target, args);
        const record = trace.add(`${as}${nameOf(property)}(${args.map((arg) => show(arg)).join(", ")})`);
        let result: unknown;
        try {
          result = value.apply(target, args);
        } catch (error) {
          record(`throws ${show(error)}`);
          throw error;
        }
        if (isPromise(result)) {
          result.then(
            (settled) => record(showAnswer(settled, args[0])),
            (error) =>
              record(error instanceof Finding ? "rejects, see below" : `rejects with ${show(error)}`),
          );
          return result;
        }
        if (property === "tokens" && isIterator(result)) return counted(result, record);
        record(show(result));
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

/** The same iterator; records how many tokens it has returned. */
function counted(iterator: AsyncIterator<unknown>, record: (result: string) => void): AsyncIterator<unknown> {
  let count = 0;
  const outcome = async (step: Promise<IteratorResult<unknown>> | undefined) => {
    try {
      const result = await step;
      if (result?.done === false) count++;
      record(`${count} tokens${result?.done === false ? " so far" : ""}`);
      return result ?? { done: true as const, value: undefined };
    } catch (error) {
      record(`${count} tokens, then rejects with ${show(error)}`);
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
