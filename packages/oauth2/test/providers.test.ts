import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { describe, expect, it } from "vitest";
import { oauth2Provider, type Rotation, refreshStateOf, TokenManager } from "../src/index.js";
import type { OddProvider, Step } from "./support/odd-provider.js";
import { ANN, errorOf, loggedIn, manage, STORES, startProvider } from "./support/setup.js";

interface Situation {
  readonly server: OddProvider;
  readonly store: TokenStore;
  readonly old: OAuthToken;
}

async function expired(rotation: Rotation = "strict"): Promise<Situation> {
  const server = await startProvider(rotation);
  const store = await STORES.memory!();
  return { server, store, old: await loggedIn(store, server) };
}

/** Whether the user's refresh token in the store still works. */
async function isLoggedIn({ server, store }: Situation): Promise<boolean> {
  return server.accepts((await store.findToken(ANN))?.refreshToken);
}

const outcomes = ({ server }: Situation) => server.requests.map(({ outcome }) => outcome);

describe("answers off the standard", () => {
  it.each<[string, Step["change"]]>([
    ["refresh_token: null", (answer) => ({ ...answer, refresh_token: null })],
    ["expires_in as text", (answer) => ({ ...answer, expires_in: "3600" })],
    ["no token_type", ({ token_type: _, ...answer }) => answer],
    ["an odd token_type", (answer) => ({ ...answer, token_type: "Zoho-oauthtoken" })],
    ["a token_type that is no text", (answer) => ({ ...answer, token_type: 7 })],
    ["a scope array", (answer) => ({ ...answer, scope: ["read", "write"] })],
    [
      "an ID token of another audience",
      (answer) => ({ ...answer, id_token: jwt({ aud: "another", nbf: 9e9 }) }),
    ],
    ["an ID token that is none", (answer) => ({ ...answer, id_token: "not.a.jwt" })],
    ["an enormous ID token", (answer) => ({ ...answer, id_token: "x".repeat(100_000) })],
    ["text that is not well-formed", (answer) => ({ ...answer, scope: "\ud800" })],
    ["unknown members", (answer) => ({ ...answer, __proto__: { a: 1 }, status: "success", error: null })],
    ["a lifetime beyond all reason", (answer) => ({ ...answer, expires_in: 1e300 })],
    ["a negative lifetime", (answer) => ({ ...answer, expires_in: -1 })],
  ])("%s: the token is stored and handed out", async (name, change) => {
    const rotates = name !== "refresh_token: null";
    const situation = await expired(rotates ? "strict" : "none");
    const { server, store, old } = situation;
    server.next.push({ change: change! });
    const token = await manage(store, server).getToken(ANN);
    expect(token.accessToken).not.toBe(old.accessToken);
    expect(token.refreshToken === old.refreshToken).toBe(!rotates);
    expect(await isLoggedIn(situation)).toBe(true);
    expect(server.requests).toHaveLength(1);
    if (name === "a scope array") expect(token.scope).toBe("read write");
    if (name === "an odd token_type") expect(token.tokenType).toBe("Zoho-oauthtoken");
    if (name === "expires_in as text") expect(token.expiresAt! - Date.now()).toBeGreaterThan(3_500_000);
  });

  it("a form in place of JSON is read", async () => {
    const situation = await expired("none");
    const { server, store } = situation;
    const body = "access_token=access-form&expires_in=3600&token_type=bearer";
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    server.next.push({ status: 200, body, headers });
    expect(await manage(store, server).getAccessToken(ANN)).toBe("access-form");
  });

  it("a new refresh token without an access token is stored, and the call is ERR_PROVIDER", async () => {
    const situation = await expired();
    const { server, store, old } = situation;
    server.next.push({ change: ({ access_token: _, ...answer }) => answer });
    const error = await errorOf(manage(store, server).getAccessToken(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    const stored = await store.findToken(ANN);
    expect(stored?.refreshToken).not.toBe(old.refreshToken);
    expect(stored?.accessToken).toBe(old.accessToken);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("no token at all is ERR_PROVIDER and changes nothing", async () => {
    const situation = await expired();
    const { server, store, old } = situation;
    server.next.push({ status: 200, body: { ok: true } });
    expect(await errorOf(manage(store, server).getAccessToken(ANN))).toMatchObject({ code: "ERR_PROVIDER" });
    expect(await store.findToken(ANN)).toMatchObject({
      refreshToken: old.refreshToken,
      accessToken: old.accessToken,
    });
  });

  it("a conform that throws does not lose a new refresh token", async () => {
    const situation = await expired();
    const { server, store } = situation;
    const conform = () => {
      throw new Error("I wanted something else");
    };
    await manage(store, server, { provider: { conform } }).getAccessToken(ANN);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("an access token that another record has does not cost the refresh token", async () => {
    const situation = await expired();
    const { server, store } = situation;
    await store.saveToken({ userSignature: { name: "other" }, accessToken: "access-shared" });
    server.next.push({ change: (answer) => ({ ...answer, access_token: "access-shared" }) });
    expect(await errorOf(manage(store, server).getAccessToken(ANN))).toMatchObject({ code: "ERR_PROVIDER" });
    expect(await isLoggedIn(situation)).toBe(true);
  });
});

describe("errors", () => {
  it.each([
    ["invalid_grant", 400, { error: "invalid_grant" }],
    ["an error with HTTP 200", 200, { error: "bad_refresh_token", error_description: "expired" }],
    ["another name for it", 400, { error_code: "refresh_token_not_found", msg: "gone" }],
    ["interaction_required", 400, { error: "interaction_required" }],
  ])("%s needs a login; the record stays", async (_name, status, body) => {
    const situation = await expired();
    const { server, store, old } = situation;
    server.always = { status, body };
    const tokens = manage(store, server);
    for (let call = 0; call < 3; call++) {
      expect(await errorOf(tokens.getAccessToken(ANN))).toMatchObject({
        code: "ERR_LOGIN_REQUIRED",
        retryable: false,
      });
    }
    expect(server.requests).toHaveLength(1);
    expect((await store.findToken(ANN))?.refreshToken).toBe(old.refreshToken);
  });

  it("invalid_client logs nobody out, and all is well once the right secret is there", async () => {
    const situation = await expired();
    const { server, store } = situation;
    let secret = "an old secret";
    const tokens = manage(store, server, { provider: { clientSecret: async () => secret } });
    const errors = await Promise.all(Array.from({ length: 10 }, () => errorOf(tokens.getAccessToken(ANN))));
    for (const error of errors) expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: false });
    expect(server.requests).toHaveLength(1);
    expect(refreshStateOf((await store.findToken(ANN))!)?.status).not.toBe("login-required");
    secret = server.secret;
    await tokens.getAccessToken(ANN);
    expect(outcomes(situation)).toEqual(["invalid_client", "ok"]);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("the client's secret may be the record's own", async () => {
    const situation = await expired();
    const { server, store, old } = situation;
    await store.saveToken({ id: old.id, clientSecret: server.secret });
    const tokens = new TokenManager(store, oauth2Provider({ tokenEndpoint: server.tokenEndpoint }));
    await tokens.getAccessToken(ANN);
    expect(outcomes(situation)).toEqual(["ok"]);
  });

  it("429 with Retry-After is waited for, within the time limit", async () => {
    const situation = await expired();
    const { server, store } = situation;
    server.next.push({ status: 429, headers: { "retry-after": "1" }, body: { error: "slow_down" } });
    await manage(store, server).getAccessToken(ANN);
    const [first, second] = server.requests;
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(990);
    expect(outcomes(situation)).toEqual(["429", "ok"]);
  });

  it("a Retry-After beyond the time limit is an error at once, and holds for every manager", async () => {
    const situation = await expired();
    const { server, store } = situation;
    server.always = { status: 503, headers: { "retry-after": "120" }, body: "maintenance" };
    const first = await errorOf(manage(store, server).getAccessToken(ANN));
    const second = await errorOf(manage(store, server).getAccessToken(ANN));
    expect(first).toMatchObject({ code: "ERR_PROVIDER", retryable: true, cause: { status: 503 } });
    expect(second.message).toBe(first.message);
    expect(server.requests).toHaveLength(1);
    const { notBefore, at } = refreshStateOf((await store.findToken(ANN))!)!;
    expect(notBefore! - at).toBeGreaterThanOrEqual(119_000);
  });

  it.each([
    ["500", { status: 500, body: "<html>oops</html>" }],
    ["garbage", { status: 200, body: "<html>welcome</html>" }],
    ["half an answer", { status: 200, body: '{"access_token": "access-' }],
    ["a redirect", { status: 302, headers: { location: "https://elsewhere.example.com" } }],
  ])("%s may pass: nobody asks again before a delay that grows", async (_name, step: Step) => {
    const situation = await expired("none");
    const { server, store } = situation;
    server.always = step;
    const tokens = manage(store, server);
    const first = await errorOf(tokens.getAccessToken(ANN));
    expect(first).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    const all = await Promise.all(Array.from({ length: 10 }, () => errorOf(tokens.getAccessToken(ANN))));
    expect(new Set(all.map(({ message }) => message))).toEqual(new Set([first.message]));
    expect(server.requests).toHaveLength(1);
    await delay(650);
    await errorOf(tokens.getAccessToken(ANN));
    await delay(650); // the second delay is a second at least
    await errorOf(manage(store, server).getAccessToken(ANN));
    expect(server.requests).toHaveLength(2);
    server.always = undefined;
    await delay(700);
    await tokens.getAccessToken(ANN);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("a provider that can't be reached is asked again within the time limit", async () => {
    const situation = await expired();
    const { server, store } = situation;
    const tokens = manage(store, server);
    await server.stop();
    const asked = tokens.getAccessToken(ANN);
    await delay(1200);
    await server.listen();
    await asked;
    expect(outcomes(situation)).toEqual(["ok"]);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("a provider that can't be reached for longer is ERR_PROVIDER, and nothing was sent", async () => {
    const situation = await expired();
    const { server, store } = situation;
    const tokens = manage(store, server, { requestTimeoutMs: 900 });
    await server.stop();
    const error = await errorOf(tokens.getAccessToken(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true, cause: { sent: false } });
    await server.listen();
  });
});

describe("an answer that is lost on the way", () => {
  it("is asked for again where the provider does not rotate", async () => {
    const situation = await expired("none");
    const { server, store } = situation;
    server.next.push({ cut: "after" });
    await manage(store, server).getAccessToken(ANN);
    expect(outcomes(situation)).toEqual(["lost", "ok"]);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("is asked for again at once where a refresh token may be reused for a while", async () => {
    const situation = await expired({ reuseWithinMs: 5000 });
    const { server, store } = situation;
    server.next.push({ cut: "after" });
    await manage(store, server).getAccessToken(ANN);
    expect(outcomes(situation)).toEqual(["lost", "ok"]);
    expect(server.requests[1]!.at - server.requests[0]!.at).toBeLessThan(400);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("is never silently asked for again by default: the next call decides", async () => {
    const situation = await expired("strict");
    const { server, store } = situation;
    server.next.push({ cut: "after" });
    const tokens = manage(store, server);
    const error = await errorOf(tokens.getAccessToken(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    expect(outcomes(situation)).toEqual(["lost"]);
    await delay(700);
    expect(await errorOf(tokens.getAccessToken(ANN))).toMatchObject({ code: "ERR_LOGIN_REQUIRED" });
    expect(outcomes(situation)).toEqual(["lost", "invalid_grant"]);
  });

  it("costs nothing if the request was lost, not the answer", async () => {
    const situation = await expired("strict");
    const { server, store } = situation;
    server.next.push({ cut: "before" });
    const tokens = manage(store, server);
    expect(await errorOf(tokens.getAccessToken(ANN))).toMatchObject({
      code: "ERR_PROVIDER",
      retryable: true,
    });
    await delay(700);
    await tokens.getAccessToken(ANN);
    expect(await isLoggedIn(situation)).toBe(true);
  });

  it("comes late from a provider that ignores the signal, and is kept", async () => {
    const { store, old } = await expired("strict");
    const late = { access_token: "access-late", refresh_token: "refresh-late", expires_in: 3600 };
    const provider = {
      rotation: "strict" as const,
      refresh: async () => {
        await delay(2500);
        return late;
      },
    };
    const tokens = new TokenManager(store, provider, { requestTimeoutMs: 300 });
    expect(await errorOf(tokens.getAccessToken(ANN))).toMatchObject({
      code: "ERR_PROVIDER",
      retryable: true,
    });
    expect((await store.findToken(ANN))?.refreshToken).toBe(old.refreshToken);
    await expect
      .poll(async () => (await store.findToken(ANN))?.refreshToken, { timeout: 5000 })
      .toBe("refresh-late");
  });
});

describe("a provider's text", () => {
  it("is masked, escaped and shortened, and no error holds what was sent or received", async () => {
    const situation = await expired();
    const { server, store, old } = situation;
    const shown = `no ${old.refreshToken} and ${server.secret}\u001b[31m\u202e ${"long ".repeat(200)}`;
    const body = { error: "invalid_request", error_description: shown, access: "received-secret", hint: "x" };
    server.always = { status: 400, body: { ...body, error_description: `received-secret ${shown}` } };
    const error = await errorOf(manage(store, server).getAccessToken(ANN));
    const text = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
    expect(text).not.toContain(old.refreshToken);
    expect(text).not.toContain(old.accessToken);
    expect(text).not.toContain(server.secret);
    expect(text).not.toContain("received-secret");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(error.message).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).toContain("invalid_request");
    const state = JSON.stringify((await store.findToken(ANN))?.refreshState);
    expect(state).not.toContain(old.refreshToken);
    expect(state).not.toContain(server.secret);
    expect(state.length).toBeLessThan(2000);
  });

  it("of a custom provider's own errors is not shown at all", async () => {
    const { store, old } = await expired();
    const provider = {
      rotation: "strict" as const,
      refresh: async () => {
        throw Object.assign(new Error(`request with ${old.refreshToken} failed`), { body: old.refreshToken });
      },
    };
    const error = await errorOf(new TokenManager(store, provider).getAccessToken(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(old.refreshToken);
  });
});

describe("a provider that is silent", () => {
  it("is given up after requestTimeoutMs", async () => {
    const { store } = await expired();
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((done) => silent.once("listening", done));
    const { port } = silent.address() as { port: number };
    const provider = oauth2Provider({ tokenEndpoint: `http://127.0.0.1:${port}/`, clientId: "app" });
    const tokens = new TokenManager(store, provider, { requestTimeoutMs: 400 });
    const started = performance.now();
    const error = await errorOf(tokens.getAccessToken(ANN));
    expect(performance.now() - started).toBeLessThan(5000);
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    await tokens.close();
    silent.close();
  });
});

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}
