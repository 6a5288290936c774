import { MemoryTokenStore } from "@tokenkeep/memory";
import { TokenManager } from "@tokenkeep/oauth2";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import * as sdk from "@zohocrm/typescript-sdk-8.0";
import { OAuthToken, UserSignature } from "@zohocrm/typescript-sdk-8.0";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { asUser, zohoProvider, zohoTokenStore } from "../src/index.js";

const ADA = { email: "ada@example.com", zgid: "7" };
const CLIENT = { clientId: "c", clientSecret: "s" };
const EXPIRED = {
  userSignature: { name: "ada" },
  ...CLIENT,
  refreshToken: "1000.r",
  accessToken: "a",
  expiresAt: 1,
};

let zoho: ZohoStandIn;
let store: MemoryTokenStore;
beforeAll(async () => {
  zoho = await startZoho();
});
afterAll(() => zoho.stop());
beforeEach(() => {
  zoho.requests.length = 0;
  store = new MemoryTokenStore();
});

/** A `fetch` that answers with this, and keeps what was sent. */
function answering(body: unknown, status = 200) {
  const sent: { url: string; body: URLSearchParams }[] = [];
  const fetch = async (url: unknown, init?: RequestInit) => {
    sent.push({ url: String(url), body: new URLSearchParams(String(init?.body)) });
    return Response.json(body, { status });
  };
  return { sent, fetch: fetch as typeof globalThis.fetch };
}

describe("zohoProvider", () => {
  it.each([
    ["https://www.zohoapis.com", "https://accounts.zoho.com"],
    ["https://sandbox.zohoapis.eu", "https://accounts.zoho.eu"],
    ["https://developer.zohoapis.com.au", "https://accounts.zoho.com.au"],
    ["https://www.zohoapis.com.cn", "https://accounts.zoho.com.cn"],
    ["https://www.zohoapis.ca", "https://accounts.zohocloud.ca"],
    ["https://evil.example/zohoapis.com", "https://accounts.zoho.in"],
    [null, "https://accounts.zoho.in"],
  ])("refreshes a token of %s at %s", async (apiDomain, accounts) => {
    const { sent, fetch } = answering({
      access_token: "new",
      expires_in: 3600,
      api_domain: "https://www.zohoapis.com",
    });
    const manager = new TokenManager(store, zohoProvider({ dataCenter: "in", fetch }));
    const { id } = await store.saveToken({ ...EXPIRED, apiDomain });
    expect(await manager.getAccessToken({ id: id ?? "" })).toBe("new");
    expect(sent.map(({ url }) => url)).toEqual([`${accounts}/oauth/v2/token`]);
    expect(Object.fromEntries(sent[0]?.body ?? [])).toEqual({
      grant_type: "refresh_token",
      refresh_token: "1000.r",
      client_id: "c",
      client_secret: "s",
    });
    // the refresh token is not rotated, and stays
    expect(await store.findTokenById(id ?? "")).toMatchObject({ refreshToken: "1000.r", accessToken: "new" });
  });

  it.each([
    ["invalid_code", "ERR_LOGIN_REQUIRED", false],
    ["invalid_client", "ERR_PROVIDER", false],
    ["invalid_client_secret", "ERR_PROVIDER", false],
    ["general_error", "ERR_PROVIDER", true],
  ])("knows the error %s, which comes with HTTP 200, as %s", async (error, code, retryable) => {
    const { sent, fetch } = answering({ error });
    const manager = new TokenManager(store, zohoProvider({ fetch }));
    const { id } = await store.saveToken(EXPIRED);
    await expect(manager.getAccessToken({ id: id ?? "" })).rejects.toMatchObject({ code, retryable });
    expect(sent).toHaveLength(1);
  });

  it("does not repeat what Zoho refused for too many requests", async () => {
    const answer = {
      error: "Access Denied",
      error_description: "You have made too many requests continuously.",
    };
    const { sent, fetch } = answering(answer, 400);
    const manager = new TokenManager(store, zohoProvider({ fetch }));
    const { id } = await store.saveToken(EXPIRED);
    for (const _ of [1, 2, 3]) {
      await expect(manager.getAccessToken({ id: id ?? "" })).rejects.toMatchObject({
        code: "ERR_PROVIDER",
        retryable: true,
      });
    }
    expect(sent).toHaveLength(1);
  });

  it("revokes at Zoho, and then forgets; also what Zoho does not know any more", async () => {
    const tokenEndpoint = `${zoho.url}/oauth/v2/token`;
    const manager = new TokenManager(store, zohoProvider({ tokenEndpoint }));
    const saved = await store.saveToken({ ...CLIENT, ...zoho.login("c", ADA) });
    await manager.revoke({ id: saved.id ?? "" });
    expect(zoho.requests).toEqual(["revoke"]);
    await store.saveToken({ ...CLIENT, refreshToken: saved.refreshToken, id: "again" });
    await manager.revoke({ id: "again" });
    expect(zoho.requests).toEqual(["revoke", "revoke"]);
    expect(await store.getTokens()).toEqual([]);
  });

  it("refuses an unknown data centre", () => {
    expect(() => zohoProvider({ dataCenter: "uk" as never })).toThrowError(
      expect.objectContaining({
        code: "ERR_INVALID_OPTIONS",
        message: expect.stringContaining("us, eu, in"),
      }),
    );
  });
});

describe("refresh: true", () => {
  const settingsOf = (token: OAuthToken, bridge: object) => ({
    environment: new sdk.Environment(zoho.url, `${zoho.url}/oauth/v2/token`, zoho.url),
    token,
    store: bridge,
  });

  it("logs in with a new grant token where the old login is no good any more", async () => {
    const bridge = zohoTokenStore(store, sdk, { refresh: true });
    await store.saveToken({ ...EXPIRED, id: "1", userSignature: { name: "ada@example.com:7" } });
    const user = new UserSignature("ada@example.com:7");
    const old = new OAuthToken("c", "s", null, null, null, null, null, user);
    await expect(asUser(sdk, settingsOf(old, bridge), () => 1)).rejects.toMatchObject({
      cause: { code: "ERR_LOGIN_REQUIRED" },
    });
    const again = new OAuthToken("c", "s", zoho.grant("c", ADA), null, null, null, null, user);
    await asUser(sdk, settingsOf(again, bridge), () => 1);
    expect(zoho.requests).toEqual(["refresh", "grant"]);
    const record = await store.findTokenById("1");
    expect(record?.expiresAt).toBeGreaterThan(Date.now());
    await bridge.close();
  });

  it("refreshes with the secret that the program has now", async () => {
    const bridge = zohoTokenStore(store, sdk, { refresh: true });
    const login = zoho.login("c", ADA);
    const { id } = await store.saveToken({ ...CLIENT, ...login, clientSecret: "old", expiresAt: 1 });
    const token = new OAuthToken("c", "new", null, null, null, id, null, null);
    await asUser(sdk, settingsOf(token, bridge), () => 1);
    expect(zoho.requests).toEqual(["refresh"]);
    expect(await store.findTokenById(id ?? "")).toMatchObject({ clientSecret: "new" });
  });

  it("reports to the program who has to log in again", async () => {
    const reported: unknown[] = [];
    const onLoginRequired = (token: { id: string | null }) => reported.push(token.id);
    const bridge = zohoTokenStore(store, sdk, { refresh: { onLoginRequired } });
    await store.saveToken({ ...EXPIRED, id: "1" });
    const token = new OAuthToken(null, null, null, null, null, "1", null, null);
    await expect(asUser(sdk, settingsOf(token, bridge), () => 1)).rejects.toThrow();
    expect(reported).toEqual(["1"]);
  });

  it("needs the SDK's Initializer, a store with locks, and known options", () => {
    const invalid = expect.objectContaining({ code: "ERR_INVALID_OPTIONS" });
    expect(() => zohoTokenStore(store, { OAuthToken, UserSignature }, { refresh: true })).toThrowError(
      invalid,
    );
    expect(() => zohoTokenStore(store, sdk, { refesh: true } as never)).toThrowError(invalid);
    expect(() => zohoTokenStore(store, sdk, { refresh: "yes" } as never)).toThrowError(invalid);
    const capabilities = { ...store.capabilities, locks: false };
    const lockless = new Proxy(store, {
      get: (of, name) => (name === "capabilities" ? capabilities : Reflect.get(of, name)),
    });
    expect(() => zohoTokenStore(lockless, sdk, { refresh: true })).toThrowError(
      expect.objectContaining({ code: "ERR_UNSUPPORTED" }),
    );
  });
});
