import diagnostics from "node:diagnostics_channel";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  clientCredentials,
  type KeepAliveResult,
  oauth2Provider,
  type RefreshTrace,
  refreshStateOf,
  TokenManager,
} from "../src/index.js";
import { ANN, BOB, errorOf, loggedIn, manage, STORES, startProvider } from "./support/setup.js";

describe("saveResponse", () => {
  it("saves a login, with the issuer and the moment it expires", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const requestedAt = Date.now() - 10_000;
    const answer: Record<string, unknown> = {
      ...server.login("ann@example.com"),
      scope: "read",
      refresh_token_expires_in: 100,
    };
    const token = await manage(store, server).saveResponse(ANN, answer, { requestedAt });
    expect(token).toMatchObject({
      ...ANN,
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      expiresAt: requestedAt + 3_600_000,
      refreshTokenExpiresAt: requestedAt + 100_000,
      scope: "read",
      tokenType: "Bearer",
      issuer: server.url,
    });
    expect(refreshStateOf(token)).toMatchObject({ status: "ok", lifetimeMs: 3_600_000 });
  });

  it("takes the provider's client id, and updates the user's record", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const tokens = manage(store, server);
    const user = { userSignature: ANN.userSignature };
    await tokens.saveResponse(user, server.login("a"));
    const second = await tokens.saveResponse(user, server.login("b"));
    expect(await store.getTokens()).toHaveLength(1);
    expect(second.clientId).toBe("app");
    expect(await tokens.getAccessToken(user)).toBe(second.accessToken);
  });

  it("keeps the refresh token where the answer has none", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const tokens = manage(store, server);
    const { refreshToken } = await loggedIn(store, server);
    const saved = await tokens.saveResponse(ANN, { access_token: "access-2", expires_in: "60" });
    expect(saved).toMatchObject({ refreshToken, accessToken: "access-2" });
  });

  it("refuses an error, an answer without a token, and a user without a name", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const tokens = manage(store, server);
    for (const answer of [{ error: "invalid_grant" }, {}, null, "text"]) {
      expect(await errorOf(tokens.saveResponse(ANN, answer))).toMatchObject({ code: "ERR_PROVIDER" });
    }
    const nobody = await errorOf(tokens.saveResponse({ clientId: "app" }, server.login("x")));
    expect(nobody).toMatchObject({ code: "ERR_INVALID_TOKEN" });
    expect(await store.getTokens()).toEqual([]);
  });
});

describe("revoke", () => {
  it("revokes the refresh token, then deletes the record", async () => {
    const server = await startProvider();
    const store = await STORES.sqlite!();
    const old = await loggedIn(store, server);
    const tokens = manage(store, server);
    await tokens.revoke(ANN);
    expect(server.revoked).toEqual([old.refreshToken]);
    expect(await store.getTokens()).toEqual([]);
    await tokens.revoke(ANN); // nobody there: no error
  });

  it("keeps the record where the provider can't be asked", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    await loggedIn(store, server);
    server.next.push({ status: 503 });
    const tokens = manage(store, server);
    const error = await errorOf(tokens.revoke(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    expect(String(error)).toMatch(
      /could not be revoked; its record was kept.*HTTP 503 without an error code/,
    );
    expect(await store.getTokens()).toHaveLength(1);
    await tokens.revoke(ANN);
    expect(await store.getTokens()).toHaveLength(0);
  });

  it("is ERR_UNSUPPORTED where the provider has no revocation endpoint; the record stays", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    await loggedIn(store, server);
    const provider = oauth2Provider({ tokenEndpoint: server.tokenEndpoint, clientId: "app" });
    expect(await errorOf(new TokenManager(store, provider).revoke(ANN))).toMatchObject({
      code: "ERR_UNSUPPORTED",
    });
    expect(await store.getTokens()).toHaveLength(1);
  });

  it("revokes again where the record changes meanwhile", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const old = await loggedIn(store, server);
    const provider = oauth2Provider({ tokenEndpoint: server.tokenEndpoint, clientId: "app" });
    const seen: (string | null)[] = [];
    const tokens = new TokenManager(store, {
      ...provider,
      revoke: async ({ refreshToken }) => {
        seen.push(refreshToken);
        if (seen.length === 1) await store.saveToken({ id: old.id, refreshToken: "refresh-of-a-login" });
      },
    });
    await tokens.revoke(ANN);
    expect(seen).toEqual([old.refreshToken, "refresh-of-a-login"]);
    expect(await store.getTokens()).toEqual([]);
  });
});

describe("keepAlive", () => {
  it("refreshes grants that were idle, a few at a time, and leaves the others alone", async () => {
    const server = await startProvider();
    const store = await STORES.sqlite!();
    const tokens = manage(store, server);
    for (let user = 0; user < 12; user++) {
      await tokens.saveResponse({ userSignature: { name: `idle-${user}` } }, server.login(`idle-${user}`), {
        requestedAt: Date.now() - 40 * 86_400_000,
      });
    }
    await tokens.saveResponse(ANN, server.login("ann@example.com"));
    await store.saveToken({
      userSignature: { name: "elsewhere" },
      refreshToken: "refresh-elsewhere",
      issuer: "https://other.example.com",
    });
    await store.saveToken({ userSignature: { name: "nobody knows" }, refreshToken: "refresh-unknown" });
    server.end("idle-3");
    const result = await tokens.keepAlive({ idleMs: 30 * 86_400_000 });
    expect(result).toEqual({ refreshed: 11, failed: 1 });
    expect(server.requests.map(({ user }) => user).sort()).toEqual(
      Array.from({ length: 12 }, (_, user) => `idle-${user}`).sort(),
    );
    expect(await tokens.keepAlive({ idleMs: 30 * 86_400_000 })).toEqual({ refreshed: 0, failed: 0 });
    expect(server.requests).toHaveLength(12);
  });

  it("takes records that were never refreshed here by their client, or by a filter", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    await loggedIn(store, server, ANN, 3_600_000);
    await loggedIn(store, server, { ...BOB, clientId: "another" }, 3_600_000);
    await delay(20);
    const tokens = manage(store, server);
    expect(await tokens.keepAlive({ idleMs: 10, filter: () => false })).toEqual({ refreshed: 0, failed: 0 });
    expect(await tokens.keepAlive({ idleMs: 10 })).toEqual({ refreshed: 1, failed: 0 });
    expect(server.requests.map(({ user }) => user)).toEqual(["ann@example.com"]);
  });

  it("tells how many are done, and the next one waits for that", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const tokens = manage(store, server);
    for (let user = 0; user < 6; user++) {
      await tokens.saveResponse({ userSignature: { name: `idle-${user}` } }, server.login(`idle-${user}`), {
        requestedAt: Date.now() - 40 * 86_400_000,
      });
    }
    server.end("idle-1");
    const done: number[] = [];
    const onProgress = async ({ refreshed, failed }: KeepAliveResult) => {
      done.push(refreshed + failed);
      await delay(50);
      // Each of the four places is taken until its call ends.
      expect(server.requests.length).toBeLessThanOrEqual(refreshed + failed + 3);
    };
    const idle = { idleMs: 30 * 86_400_000 };
    expect(await tokens.keepAlive({ ...idle, onProgress })).toEqual({ refreshed: 5, failed: 1 });
    expect(done).toEqual([1, 2, 3, 4, 5, 6]);

    await delay(20);
    const reason = new Error("a program's own");
    const failing = tokens.keepAlive({ idleMs: 10, onProgress: () => Promise.reject(reason) });
    expect(await errorOf(failing)).toBe(reason);
  });

  it("ends with its signal", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    await loggedIn(store, server);
    const reason = new Error("enough");
    const tokens = manage(store, server);
    expect(await errorOf(tokens.keepAlive({ idleMs: 0, signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.requests).toHaveLength(0);
  });
});

describe("clientCredentials", () => {
  it("gets the program's own token once for everybody, without a user", async () => {
    const server = await startProvider();
    const store = await STORES.sqlite!();
    const options = { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret };
    const managers = Array.from({ length: 3 }, () => new TokenManager(store, clientCredentials(options)));
    const all = await Promise.all(managers.flatMap((one) => [one.getAccessToken(), one.getAccessToken()]));
    expect(new Set(all).size).toBe(1);
    expect(server.requests).toHaveLength(1);
    const [record] = await store.getTokens();
    await store.saveToken(record!.with({ expiresAt: 1 }));
    expect(await managers[0]!.getAccessToken()).not.toBe(all[0]);
    expect(await store.getTokens()).toHaveLength(1);
    expect(server.requests[0]!.body.get("grant_type")).toBe("client_credentials");
    expect(await errorOf(managers[0]!.getAccessToken(ANN))).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  });

  it("never hands a token to a caller who wanted another scope, resource or client", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const base = { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret };
    const all = [
      base,
      { ...base, scope: "read" },
      { ...base, scope: ["write", "read"] },
      { ...base, resource: "https://api.example.com" },
      { ...base, clientId: "another" },
      { ...base, parameters: { audience: "x" } },
    ];
    const tokens = await Promise.all(
      all.map((one) => new TokenManager(store, clientCredentials(one)).getAccessToken()),
    );
    expect(new Set(tokens).size).toBe(all.length);
    const same = new TokenManager(store, clientCredentials({ ...base, scope: "read write" }));
    expect(await same.getAccessToken()).toBe(tokens[2]);
    expect(server.requests).toHaveLength(all.length);
  });

  it("keeps apart failures, too", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    server.always = { status: 500, body: "oops" };
    const options = { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret };
    const tokens = new TokenManager(store, clientCredentials(options));
    const first = await errorOf(tokens.getAccessToken());
    expect(first).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
    expect((await errorOf(tokens.getAccessToken())).message).toBe(first.message);
    expect(server.requests).toHaveLength(1);
    server.always = undefined;
    await delay(700);
    await tokens.getAccessToken();
    server.secret = "changed";
    const [record] = await store.getTokens();
    await store.saveToken(record!.with({ expiresAt: 1 }));
    expect(await errorOf(tokens.getAccessToken())).toMatchObject({ code: "ERR_PROVIDER", retryable: false });
  });
});

describe("the tracing channel tokenkeep:refresh", () => {
  it("tells of refreshes, without a secret", async () => {
    const server = await startProvider();
    const store = await STORES.memory!();
    const old = await loggedIn(store, server);
    const messages: string[] = [];
    const channel = diagnostics.tracingChannel<unknown, RefreshTrace>("tokenkeep:refresh");
    const subscribers = {
      start: ({ id }: RefreshTrace) => void messages.push(`start ${id}`),
      end: () => {},
      asyncStart: () => {},
      asyncEnd: (message: RefreshTrace) => {
        messages.push(`end ${message.outcome} ${message.code ?? ""}`);
        expect(message).toMatchObject({ backend: "memory", namespace: "", method: "refresh" });
        expect(JSON.stringify(message)).not.toContain(old.refreshToken);
      },
      error: () => {},
    };
    channel.subscribe(subscribers);
    const tokens = manage(store, server);
    await tokens.getAccessToken(ANN);
    await tokens.getAccessToken(ANN);
    server.end("ann@example.com");
    await store.saveToken({ ...ANN, expiresAt: 1 });
    await errorOf(tokens.getAccessToken(ANN));
    channel.unsubscribe(subscribers);
    await store.saveToken({ ...ANN, expiresAt: 1 });
    await errorOf(tokens.getAccessToken(ANN));
    expect(messages).toEqual([
      `start ${old.id}`,
      "end ok ",
      `start ${old.id}`,
      "end error ERR_LOGIN_REQUIRED",
    ]);
  });
});
