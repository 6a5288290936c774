import { createRequire } from "node:module";
import { MemoryTokenStore } from "@tokenkeep/memory";
import * as sdk from "@zohocrm/typescript-sdk-8.0";
import { beforeEach, describe, expect, it } from "vitest";
import { type ZohoTokenStore, zohoTokenStore } from "../src/index.js";

const { InitializeBuilder, OAuthToken, UserSignature } = sdk;
type OAuthToken = sdk.OAuthToken;

type Fields = Partial<
  Record<"client" | "secret" | "grant" | "refresh" | "redirect" | "id" | "access" | "user", string>
> & { expires?: number | string };

function tokenOf(fields: Fields): OAuthToken {
  const { client, secret, grant, refresh, redirect, id, access, user, expires } = fields;
  const signature = user === undefined ? null : new UserSignature(user);
  const token = new OAuthToken(
    client ?? null,
    secret ?? null,
    grant ?? null,
    refresh ?? null,
    redirect ?? null,
    id ?? null,
    access ?? null,
    signature,
  );
  if (expires !== undefined) token.setExpiresIn(String(expires));
  return token;
}

let store: MemoryTokenStore;
let bridge: ZohoTokenStore<OAuthToken>;
beforeEach(() => {
  store = new MemoryTokenStore();
  bridge = zohoTokenStore(store, { OAuthToken, UserSignature });
});
const soon = Date.now() + 1_000_000;

it("fits the TypeScript SDK's types", async () => {
  const builder = await new InitializeBuilder();
  expect(builder.store(bridge)).toBe(builder);
  // the whole namespace will do
  expect(builder.store(zohoTokenStore(store, sdk))).toBe(builder);
});

it("refuses what is no class, and what is no store", () => {
  const invalid = expect.objectContaining({ code: "ERR_INVALID_OPTIONS" });
  expect(() => zohoTokenStore(store, { UserSignature } as never)).toThrowError(invalid);
  expect(() => zohoTokenStore({} as never, { OAuthToken, UserSignature })).toThrowError(invalid);
  expect(() => zohoTokenStore(store, undefined as never)).toThrowError(invalid);
});

it("refuses the 2.1 SDK, naming the version", async () => {
  const old = createRequire(import.meta.url)("@zohocrm/typescript-sdk-2.1");
  expect(() => zohoTokenStore(store, old)).toThrowError(
    expect.objectContaining({ code: "ERR_INVALID_OPTIONS", message: expect.stringContaining("version 2.1") }),
  );
});

it("is an instance of the SDK's TokenStore, given as a class or as the Node.js SDK's module", () => {
  class TokenStore {}
  const classes = { OAuthToken, UserSignature };
  expect(zohoTokenStore(store, { ...classes, TokenStore })).toBeInstanceOf(TokenStore);
  expect(zohoTokenStore(store, { ...classes, TokenStore: { MasterModel: TokenStore } })).toBeInstanceOf(
    TokenStore,
  );
  // the TypeScript SDK's module of that name has types alone
  expect(zohoTokenStore(store, { ...classes, TokenStore: {} })).not.toBeInstanceOf(TokenStore);
});

describe("findToken", () => {
  it("fills what is missing, keeps what is there, and gives back the same object", async () => {
    await store.saveToken({
      id: "1",
      userSignature: { name: "ada" },
      clientId: "c",
      clientSecret: "s",
      redirectUrl: "https://old",
      grantToken: "g",
      refreshToken: "r",
      accessToken: "a",
      expiresAt: soon,
      apiDomain: "https://api",
    });
    const token = tokenOf({ user: "ada", redirect: "https://new", refresh: "mine" });
    expect(await bridge.findToken(token)).toBe(token);
    expect([token.getId(), token.getClientId(), token.getClientSecret()]).toEqual(["1", "c", "s"]);
    expect([token.getRedirectURL(), token.getRefreshToken()]).toEqual(["https://new", "mine"]);
    expect([token.getGrantToken(), token.getAPIDomain()]).toEqual(["g", "https://api"]);
    expect([token.getAccessToken(), token.getExpiresIn()]).toEqual(["a", String(soon)]);
  });

  it.each<[string, Fields, string, string | undefined]>([
    ["takes the record's where it has none", {}, "stored", `${soon}`],
    ["takes the record's where that is newer", { access: "x", expires: soon - 1 }, "stored", `${soon}`],
    ["keeps its own where that is newer", { access: "x", expires: soon + 1 }, "x", `${soon + 1}`],
    ["takes the record's where its own may be at its end", { access: "x" }, "stored", `${soon}`],
    ["learns the end of its own", { access: "stored" }, "stored", `${soon}`],
  ])("%s: access token and end together", async (_what, fields, access, expires) => {
    await store.saveToken({ userSignature: { name: "ada" }, accessToken: "stored", expiresAt: soon });
    const token = tokenOf({ user: "ada", ...fields });
    await bridge.findToken(token);
    expect([token.getAccessToken(), token.getExpiresIn()]).toEqual([access, expires]);
  });

  it("never puts an end of old beside a token whose end is not known", async () => {
    await store.saveToken({ userSignature: { name: "ada" }, accessToken: "stored" });
    const token = tokenOf({ user: "ada", expires: soon });
    await bridge.findToken(token);
    expect([token.getAccessToken(), token.getExpiresIn()]).toEqual(["stored", ""]);
  });

  it("finds nobody's token for a token that names nobody", async () => {
    await store.saveToken({ userSignature: { name: "ada" }, clientId: "c", refreshToken: "r" });
    for (const fields of [{}, { client: "c" }, { id: "9" }, { client: "c", access: "x" }]) {
      expect(await bridge.findToken(tokenOf(fields))).toBeNull();
    }
  });
});

describe("saveToken", () => {
  it("sets a text id, and matches by id first", async () => {
    const token = tokenOf({ client: "c", refresh: "r", access: "a", expires: soon });
    await bridge.saveToken(token);
    const id = token.getId();
    expect(id).toEqual(expect.any(String));
    token.setAccessToken("b");
    await bridge.saveToken(token);
    expect(token.getId()).toBe(id);
    expect(await store.getTokens()).toMatchObject([{ id, accessToken: "b", expiresAt: soon }]);
  });

  it("takes the NaN that the SDK writes after an answer without expires_in for no end", async () => {
    await bridge.saveToken(tokenOf({ refresh: "r", access: "a", expires: "NaN" }));
    expect(await store.getTokens()).toMatchObject([{ expiresAt: null }]);
  });

  it("refuses an end that is no time, without showing a secret", async () => {
    const saving = bridge.saveToken(tokenOf({ refresh: "SECRET", access: "SECRET", expires: "soon" }));
    await expect(saving).rejects.toMatchObject({ code: "ERR_INVALID_TOKEN", property: "expiresAt" });
    await expect(saving).rejects.not.toThrowError(/SECRET/);
  });

  it("saves under its id, without the name, where the name has a record already", async () => {
    await store.saveToken({ id: "1", userSignature: { name: "ada" }, clientId: "c", refreshToken: "r1" });
    const token = tokenOf({ client: "c", refresh: "r2", access: "a" });
    await bridge.saveToken(token);
    const id = token.getId();
    token.setUserSignature(new UserSignature("ada"));
    token.setAccessToken("b");
    await bridge.saveToken(token);
    expect(token.getId()).toBe(id);
    expect(await store.findTokenById(id ?? "")).toMatchObject({ accessToken: "b", userSignature: null });
    expect(await store.findTokenById("1")).toMatchObject({ refreshToken: "r1", accessToken: null });
  });

  it("does so for a token without an id too", async () => {
    await store.saveToken({ id: "1", userSignature: { name: "ada" }, clientId: "c", refreshToken: "r1" });
    await store.saveToken({ id: "2", clientId: "c", refreshToken: "r2" });
    const token = tokenOf({ client: "c", user: "ada", refresh: "r2", access: "b" });
    await bridge.saveToken(token);
    expect(token.getId()).toBe("2");
    expect(await store.findTokenById("2")).toMatchObject({ accessToken: "b", userSignature: null });
  });

  it("leaves another user's record alone, and says so", async () => {
    await store.saveToken({ id: "1", userSignature: { name: "ada" }, clientId: "c", refreshToken: "r1" });
    await store.saveToken({ id: "2", userSignature: { name: "bob" }, clientId: "c", refreshToken: "r2" });
    for (const fields of [
      { user: "ada", refresh: "r2" },
      { user: "ada", id: "2", refresh: "r2" },
    ]) {
      await expect(bridge.saveToken(tokenOf({ client: "c", ...fields }))).rejects.toMatchObject({
        code: "ERR_CONFLICT",
      });
    }
    expect(await store.findTokenById("2")).toMatchObject({ userSignature: { name: "bob" }, revision: 1 });
  });
});

it("takes an id that is a number, as programs without types have", async () => {
  await store.saveToken({ id: "5", refreshToken: "r" });
  const token = await bridge.findTokenById(5 as never);
  expect(token).toBeInstanceOf(OAuthToken);
  expect(token.getRefreshToken()).toBe("r");
  await bridge.deleteToken(5 as never);
  expect(await store.getTokens()).toEqual([]);
});

it("returns a promise from every method, whatever it is given", async () => {
  const methods = bridge as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const method of ["findToken", "findTokenById", "saveToken", "deleteToken"]) {
    const answer = methods[method]?.(undefined);
    expect(answer).toBeInstanceOf(Promise);
    await expect(answer).rejects.toBeInstanceOf(Error);
  }
});
