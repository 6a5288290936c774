import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import fc from "fast-check";
import type { Case, Kit } from "../case.js";
import { expectError, expectIds, expectNull, expectToken, fail, plain } from "../expect.js";
import { Model, type ModelRecord, type Saved, storedToken } from "../model.js";
import { isError, show } from "../show.js";

/** How many sequences are tried for each of the run's `rounds`. */
const TRIES_PER_ROUND = 20;

/** How long a failing sequence is shortened. */
const SHORTENING_MS = 20_000;

type Action =
  | { readonly method: "saveToken" | "findToken"; readonly argument: TokenInput }
  | { readonly method: "saveCopy"; readonly argument: TokenInput; readonly of: number }
  | { readonly method: "findTokenById" | "deleteToken"; readonly argument: string }
  | { readonly method: "deleteTokens" | "getTokens" };

/** A call, and which of the stores gets it. */
type Call = Action & { readonly by: number };

// Small pools, so that calls often concern the same records.
const PLAIN = ["a", "b", "c"] as const;
const HARD = ["a'--", "A'--", "a'-- ", "\u00e9\0", "e\u0301\0", '{"$ne":1}', "*"] as const;

function callsOf(texts: readonly string[], stores: number): fc.Arbitrary<Call[]> {
  const text = fc.constantFrom(...texts);
  const token: fc.Arbitrary<TokenInput> = fc.record(
    {
      id: text,
      userSignature: fc.record({ name: text }),
      clientId: text,
      grantToken: text,
      refreshToken: text,
      accessToken: text,
      refreshTokenExpiresAt: fc.integer({ min: 0, max: 3 }),
      expiresAt: fc.integer({ min: 0, max: 3 }),
      apiDomain: text,
    },
    { requiredKeys: [] },
  );
  const orNull = fc.option(text);
  const changes: fc.Arbitrary<TokenInput> = fc.record(
    {
      userSignature: fc.option(fc.record({ name: text })),
      clientId: orNull,
      grantToken: orNull,
      refreshToken: orNull,
      refreshTokenExpiresAt: fc.option(fc.integer({ min: 0, max: 3 })),
      accessToken: orNull,
      expiresAt: fc.option(fc.integer({ min: 0, max: 3 })),
      apiDomain: orNull,
    },
    { requiredKeys: [] },
  );
  const copy = fc.tuple(changes, fc.nat(4));
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 8, arbitrary: token.map((argument): Action => ({ method: "saveToken", argument })) },
    { weight: 4, arbitrary: copy.map(([argument, of]): Action => ({ method: "saveCopy", argument, of })) },
    { weight: 5, arbitrary: token.map((argument): Action => ({ method: "findToken", argument })) },
    { weight: 1, arbitrary: text.map((argument): Action => ({ method: "findTokenById", argument })) },
    { weight: 2, arbitrary: text.map((argument): Action => ({ method: "deleteToken", argument })) },
    { weight: 1, arbitrary: fc.constant<Action>({ method: "getTokens" }) },
    { weight: 1, arbitrary: fc.constant<Action>({ method: "deleteTokens" }) },
  );
  const by = fc.nat(stores - 1);
  const call = fc.tuple(action, by).map(([done, store]): Call => ({ ...done, by: store }));
  return fc.array(call, { minLength: 1, maxLength: 20 });
}

const same = (token: OAuthToken | null, record: ModelRecord): void => {
  expectToken(token, storedToken(record));
};

/** A token that a store returned, and the record at that moment. */
interface Returned {
  readonly token: OAuthToken;
  readonly record: ModelRecord;
}

/** @param returned the last tokens that this store's saves returned */
async function make(call: Call, store: TokenStore, model: Model, returned: Returned[]): Promise<void> {
  switch (call.method) {
    case "saveToken": {
      const { argument } = call;
      const expect = (id: string): Saved => model.save(argument, id);
      return await save(store, argument, expect, returned);
    }
    case "saveCopy": {
      const base = returned[call.of % Math.max(1, returned.length)];
      if (base === undefined) return;
      const expect = (id: string): Saved => model.saveCopy(base.record, call.argument, id);
      return await save(store, base.token.with(call.argument), expect, returned);
    }
    case "findToken": {
      const found = await store.findToken(call.argument);
      const expected = model.find(call.argument);
      return expected === undefined ? expectNull(found) : same(found, expected);
    }
    case "findTokenById": {
      const expected = model.byId(call.argument);
      const found = await store.findTokenById(call.argument);
      return expected === undefined ? expectNull(found) : same(found, expected);
    }
    case "deleteToken":
      await store.deleteToken(call.argument);
      return model.delete(call.argument);
    case "deleteTokens":
      await store.deleteTokens();
      model.records = [];
      return;
    case "getTokens":
      return await compareAll(store, model);
  }
}

async function save(
  store: TokenStore,
  token: TokenInput,
  expect: (id: string) => Saved,
  returned: Returned[],
): Promise<void> {
  let saved: OAuthToken;
  try {
    saved = await store.saveToken(token);
  } catch (error) {
    const expected = expect("an id that the store would make");
    if (typeof expected !== "string") fail(show(storedToken(expected)), show(error));
    expectError(error, expected);
    return;
  } finally {
    await sleep(2); // 2.5 and 2.9 order by milliseconds
  }
  const expected = expect(plain(saved).id ?? "");
  if (typeof expected === "string") fail(expected, show(saved));
  same(saved, expected);
  returned.unshift({ token: saved, record: { ...expected } });
}

async function compareAll(store: TokenStore, model: Model): Promise<void> {
  const tokens = await store.getTokens();
  expectIds(
    tokens,
    model.records.map(({ id }) => id),
  );
  for (const [index, token] of tokens.entries()) same(token, model.records[index]!);
}

async function makeAll(calls: readonly Call[], stores: readonly TokenStore[]): Promise<void> {
  await stores[0]?.deleteTokens();
  const model = new Model();
  const returned = stores.map((): Returned[] => []);
  for (const call of calls) await make(call, stores[call.by]!, model, returned[call.by]!);
  for (const store of stores) await compareAll(store, model);
}

/**
 * Compares stores of one space with the model. A failing sequence is shortened and run again.
 */
async function compare(
  { seed, rounds, startOver, note }: Kit,
  texts: readonly string[],
  stores: readonly TokenStore[],
): Promise<void> {
  let failedAt = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(callsOf(texts, stores.length), async (calls) => {
    if (Date.now() - failedAt > SHORTENING_MS) return; // short enough: if calls hang, each attempt takes long
    try {
      await makeAll(calls, stores);
    } catch (error) {
      failedAt = Math.min(failedAt, Date.now());
      throw error;
    }
  });
  const result = await fc.check(property, { seed, numRuns: rounds * TRIES_PER_ROUND });
  if (!result.failed) return;
  const calls = result.counterexample?.[0] ?? [];
  startOver();
  note(`(random calls, shortened; seed ${seed} repeats them)`)("");
  await makeAll(calls, stores); // the failure shows these calls alone
  const shown = calls.map((call) => {
    const store = stores.length === 1 ? "store" : `store ${call.by + 1}`;
    if (call.method === "saveCopy") return `${store}.saveToken(token.with(${show(call.argument)}))`;
    return `${store}.${call.method}(${"argument" in call ? show(call.argument) : ""})`;
  });
  const why = isError(result.errorInstance) ? result.errorInstance.message : result.errorInstance;
  fail(
    `these calls to have the same results each time: ${shown.join(", ")}`,
    `a failure the first time:\n${why}`,
  );
}

/** The sentences that the model implements. */
const MODELLED: Case["checks"] = [
  ...([
    "2.3a",
    "2.3b",
    "2.3c",
    "2.2a",
    "2.2b",
    "2.4a",
    "2.4b",
    "2.4c",
    "2.5a",
    "2.5b",
    "2.5c",
    "2.6a",
  ] as const),
  ...[
    "2.9a",
    "2.9b",
    "2.9c",
    "3.1a",
    "3.1b",
    "3.1c",
    "3.1d",
    "3.2a",
    "3.2c",
    "3.2d",
    "3.2e",
    "3.2f",
    "3.3a",
    "3.3b",
  ],
  ...[
    "3.4a",
    "3.4b",
    "3.4c",
    "3.4f",
    "3.7a",
    "3.7b",
    "3.7c",
    "3.7e",
    "3.7f",
    "4.1a",
    "4.1b",
    "4.1c",
    "4.1d",
    "4.1e",
    "4.2a",
  ],
];

export const randomCalls: Case[] = [
  {
    checks: MODELLED,
    name: "random sequences of calls have the same results as a simple model of the contract",
    roundMs: 40_000,
    run: (kit) => compare(kit, PLAIN, [kit.store]),
  },
  {
    checks: ["2.7a", "2.7b", "1.4c"],
    name: "random sequences of calls with hostile text have the same results as the model",
    roundMs: 40_000,
    run: (kit) => compare(kit, HARD, [kit.store]),
  },
  {
    checks: ["3.5d", "5.5d"],
    name: "random sequences of calls on two stores of one space have the same results as the model",
    needs: ["shared"],
    roundMs: 40_000,
    run: async (kit) => compare(kit, PLAIN, [kit.store, await kit.open()]),
  },
];
