import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import fc from "fast-check";
import type { Case, Kit } from "../case.js";
import { expectError, expectIds, expectNull, expectToken, fail, plain } from "../expect.js";
import { Model, type ModelRecord } from "../model.js";
import { isError, show } from "../show.js";

/** How many times as often as a kill test kills (`rounds`) a sequence of calls is tried. */
const TRIES_PER_ROUND = 20;

/** How long a sequence that fails may be made shorter. */
const SHORTENING_MS = 20_000;

type Action =
  | { readonly method: "saveToken" | "findToken"; readonly argument: TokenInput }
  | { readonly method: "findTokenById" | "deleteToken"; readonly argument: string }
  | { readonly method: "deleteTokens" | "getTokens" };

/** `by`: which of the stores is called. */
type Call = Action & { readonly by: number };

// Small pools, so that calls meet each other's records all the time.
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
      expiresAt: fc.integer({ min: 0, max: 3 }),
      apiDomain: text,
    },
    { requiredKeys: [] },
  );
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 8, arbitrary: token.map((argument): Action => ({ method: "saveToken", argument })) },
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

const same = (token: OAuthToken | null, { savedBy: _, ...record }: ModelRecord): void => {
  expectToken(token, record);
};

async function make(call: Call, store: TokenStore, model: Model): Promise<void> {
  switch (call.method) {
    case "saveToken":
      return await save(call.argument, store, model);
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

async function save(token: TokenInput, store: TokenStore, model: Model): Promise<void> {
  let saved: OAuthToken;
  try {
    saved = await store.saveToken(token);
  } catch (error) {
    const expected = model.save(token, "an id that the store would make");
    if (typeof expected !== "string") fail(show(withoutOrder(expected)), show(error));
    expectError(error, expected);
    return;
  } finally {
    await sleep(2); // what 2.5 and 2.9 order by is counted in milliseconds
  }
  const expected = model.save(token, plain(saved).id ?? "");
  if (typeof expected === "string") fail(expected, show(saved));
  same(saved, expected);
}

async function compareAll(store: TokenStore, model: Model): Promise<void> {
  const tokens = await store.getTokens();
  expectIds(
    tokens,
    model.records.map(({ id }) => id),
  );
  for (const [index, token] of tokens.entries()) same(token, model.records[index]!);
}

function withoutOrder({ savedBy: _, ...record }: ModelRecord): object {
  return record;
}

async function makeAll(calls: readonly Call[], stores: readonly TokenStore[]): Promise<void> {
  await stores[0]?.deleteTokens();
  const model = new Model();
  for (const call of calls) await make(call, stores[call.by]!, model);
  for (const store of stores) await compareAll(store, model);
}

/**
 * Compares stores of one space with the model. A sequence that fails is made as short as it can be, and made once
 * more.
 */
async function compare(
  { seed, rounds, startOver, note }: Kit,
  texts: readonly string[],
  stores: readonly TokenStore[],
): Promise<void> {
  let failedAt = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(callsOf(texts, stores.length), async (calls) => {
    if (Date.now() - failedAt > SHORTENING_MS) return; // short enough: where calls hang, each look takes its time
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
  note(`(random calls, made as short as they can be; seed ${seed} makes them again)`)("");
  await makeAll(calls, stores); // its story, and nothing else, is what is told
  const told = calls.map((call) => {
    const store = stores.length === 1 ? "store" : `store ${call.by + 1}`;
    return `${store}.${call.method}(${"argument" in call ? show(call.argument) : ""})`;
  });
  const why = isError(result.errorInstance) ? result.errorInstance.message : result.errorInstance;
  fail(`these calls to come to the same each time: ${told.join(", ")}`, `at first a failure:\n${why}`);
}

/** The sentences that the model says once more. */
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
  ...["2.9a", "2.9b", "2.9c", "3.1a", "3.1b", "3.1c", "3.1d", "3.2a", "3.2c", "3.2d", "3.2e", "3.3a", "3.3b"],
  ...["3.4a", "3.4b", "3.4c", "3.4f", "4.1a", "4.1b", "4.1c", "4.1d", "4.1e", "4.2a"],
];

export const randomCalls: Case[] = [
  {
    checks: MODELLED,
    name: "random sequences of calls come to what a plain model of the contract comes to",
    roundMs: 40_000,
    run: (kit) => compare(kit, PLAIN, [kit.store]),
  },
  {
    checks: ["2.7a", "2.7b", "1.4c"],
    name: "random sequences of calls with hostile text come to what the model comes to",
    roundMs: 40_000,
    run: (kit) => compare(kit, HARD, [kit.store]),
  },
  {
    checks: ["3.5d", "5.5d"],
    name: "random sequences of calls by turns on two stores of one space come to what the model comes to",
    needs: ["shared"],
    roundMs: 40_000,
    run: async (kit) => compare(kit, PLAIN, [kit.store, await kit.open()]),
  },
];
