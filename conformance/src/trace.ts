import type { TokenStore } from "@tokenkeep/core";
import { show } from "./show.js";

/** How many of the last calls a failure message shows. */
const SHOWN = 25;

/** The calls that a case made, with what came of them. */
export class Trace {
  readonly #lines: { call: string; result: string }[] = [];
  #dropped = 0;

  /** @returns tells what came of it */
  add(call: string): (result: string) => void {
    const line = { call, result: "" };
    this.#lines.push(line);
    if (this.#lines.length > SHOWN) {
      this.#lines.shift();
      this.#dropped++;
    }
    return (result) => {
      line.result = ` → ${result}`;
    };
  }

  toString(): string {
    const lines = this.#lines.map(({ call, result }) => `    ${call}${result}`);
    if (this.#dropped > 0) lines.unshift(`    (${this.#dropped} earlier calls)`);
    return lines.map((line) => `\n${line}`).join("");
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
        const shown = `${as}.${String(property)}(${args.map(show).join(", ")})`;
        if (typeof property === "symbol" || property.startsWith("to")) return value.apply(target, args);
        const tell = trace.add(shown);
        try {
          const result: unknown = value.apply(target, args);
          if (result instanceof Promise) {
            result.then(
              (settled) => tell(show(settled)),
              (error) => tell(`rejects with ${show(error)}`),
            );
          }
          return result;
        } catch (error) {
          tell(`throws ${show(error)}`);
          throw error;
        }
      };
    },
  });
}
