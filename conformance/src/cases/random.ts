import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import fc from "fast-check";
import type { Case, Kit } from "../case.js";
import { expectError, expectIds, expectNull, expectToken, fail, plain } from "../expect.js";
import { Model, type ModelRecord } from "../model.js";
import { show } from "../show.js";

/** How many times as often as a kill test kills (`rounds`) a sequence of calls is tried. */
const TRIES_PER_ROUND = 20;

type Call =
  | { readonly method: "saveToken" | "findToken"; readonly argument: TokenInput }
  | { readonly method: "findTokenById" | "deleteToken"; readonly argument: string }
  | { readonly method: "deleteTokens" | "getTokens" };

// Small pools, so that calls meet each other's records all the time.
const PLAIN = ["a", "b", "c"] as const;
const HARD = ["a'--", "A'--", "a'-- ", "\u00e9\0", "e\u0301\0", '{"$ne":1}', "*"] as const;

function callsOf(texts: readonly string[]): fc.Arbitrary<Call[]> {
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
  const call: fc.Arbitrary<Call> = fc.oneof(
    { weight: 8, arbitrary: token.map((argument): Call => ({ method: "saveToken", argument })) },
    { weight: 5, arbitrary: token.map((argument): Call => ({ method: "findToken", argument })) },
    { weight: 1, arbitrary: text.map((argument): Call => ({ method: "findTokenById", argument })) },
    { weight: 2, arbitrary: text.map((argument): Call => ({ method: "deleteToken", argument })) },
    { weight: 1, arbitrary: fc.constant<Call>({ method: "getTokens" }) },
    { weight: 1, arbitrary: fc.constant<Call>({ method: "deleteTokens" }) },
  );
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

/** Compares a store with the model; what fails is made as short as it can be, and told as calls. */
async function compare({ store, seed, rounds }: Kit, texts: readonly string[]): Promise<void> {
  const property = fc.asyncProperty(callsOf(texts), async (calls) => {
    await store.deleteTokens();
    const model = new Model();
    for (const call of calls) await make(call, store, model);
    await compareAll(store, model);
  });
  const result = await fc.check(property, { seed, numRuns: rounds * TRIES_PER_ROUND });
  if (!result.failed) return;
  const calls = (result.counterexample?.[0] ?? []).map(
    (call) => `  await store.${call.method}(${"argument" in call ? show(call.argument) : ""});`,
  );
  const why =
    result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
  fail(
    `the model's answer to these calls on an empty store (seed ${seed}):\n${calls.join("\n")}\n  await store.getTokens();`,
    `another; of the last call,\n${why}`,
  );
}

export const random: Case[] = [
  {
    paragraph: "2.3",
    name: "random sequences of calls come to what a plain model of the contract comes to",
    timeoutMs: 180_000,
    run: (kit) => compare(kit, PLAIN),
  },
  {
    paragraph: "2.7",
    name: "random sequences of calls with hostile text come to what the model comes to",
    timeoutMs: 180_000,
    run: (kit) => compare(kit, HARD),
  },
];
