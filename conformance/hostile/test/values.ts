// What a program may pass in: anything at all, and what gets past the first checks.
import fc from "fast-check";
import { TEXT_PROPERTIES } from "../../dist/samples.js";

export const hostileText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "\0",
    "\ud800",
    "x".repeat(70_000),
    "__proto__",
    "***",
    "../../x",
    "' OR 1=1 --",
    "{}",
    "é",
  ),
);

/** A call that is given this one may reject with its reason, as a program expects of a signal. */
export const aborted = AbortSignal.abort();

class Odd {
  get token(): never {
    throw new Error("a getter that throws");
  }
}

export const anything = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
  },
  { weight: 2, arbitrary: hostileText },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      undefined,
      null,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0,
      2 ** 53,
      Symbol("s"),
      () => {},
      new Odd(),
      [],
      new Error("e"),
      Promise.resolve(1),
      aborted,
      new Proxy({}, {}),
    ),
  },
);

const NAMES = ["id", ...TEXT_PROPERTIES];
const plausible = fc.constantFrom("a", "b", "c");

/** A token of which most is right, so that it gets past the first checks. */
export const token = fc.oneof(
  { weight: 1, arbitrary: anything },
  {
    weight: 4,
    arbitrary: fc.dictionary(
      fc.oneof(
        fc.constantFrom(
          ...NAMES,
          "userSignature",
          "expiresAt",
          "refreshTokenExpiresAt",
          "revision",
          "createdAt",
          "savedAt",
          "metadata",
          "refreshState",
        ),
        hostileText,
      ),
      fc.oneof(
        { weight: 4, arbitrary: plausible },
        { weight: 1, arbitrary: fc.nat() },
        { weight: 1, arbitrary: fc.constant({ name: "a" }) },
        { weight: 1, arbitrary: anything },
      ),
      { maxKeys: 5 },
    ),
  },
);
export const id = fc.oneof(plausible, anything);
export const options = (...names: string[]) =>
  fc.oneof(
    fc.constant(undefined),
    anything,
    fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.nat(3), anything), { maxKeys: 3 }),
  );
