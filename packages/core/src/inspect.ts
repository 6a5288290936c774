/** Decides what `util.inspect` and the console show of the instances of a class. */
export function showAs<T extends object>(
  type: abstract new (...args: never[]) => T,
  show: (instance: T, inspect: (value: unknown) => string) => string,
): void {
  const key = Symbol.for("nodejs.util.inspect.custom"); // documented with util.inspect.custom
  Object.defineProperty(type.prototype, key, {
    value(this: T, _depth: number, options: object, inspect: (value: unknown, options: object) => string) {
      return show(this, (value) => inspect(value, options));
    },
  });
}
