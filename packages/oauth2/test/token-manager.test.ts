import { setTimeout as delay } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import { describe, expect, it } from "vitest";
import { oauth2Provider, refreshStateOf, TokenManager } from "../src/index.js";
import { ANN, BOB, counted, errorOf, loggedIn, manage, STORES, startProvider } from "./support/setup.js";

describe.each(Object.entries(STORES))("TokenManager on %s", (_name, openStore) => {
  it("hands out a fresh token for one find and no lock", async () => {
    const server = await startProvider();
    const { store, calls } = counted(await openStore());
    const saved = await loggedIn(store, server, ANN, 3_600_000);
    const tokens = manage(store, server);
    calls.saveToken = 0;
    expect(await tokens.getAccessToken(ANN)).toBe(saved.accessToken);
    expect(calls).toEqual({ saveToken: 0, findToken: 1 });
    expect(server.requests).toHaveLength(0);
  });

  it("makes one request for 1,500 callers on an expired token", async () => {
    const server = await startProvider();
    const store = await openStore();
    const old = await loggedIn(store, server);
    const tokens = manage(store, server);
    const all = await Promise.all(Array.from({ length: 1500 }, () => tokens.getAccessToken(ANN)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]).not.toBe(old.accessToken);
    expect(server.requests).toHaveLength(1);
    const stored = await store.findToken(ANN);
    expect(stored?.accessToken).toBe(all[0]);
    expect(server.accepts(stored?.refreshToken)).toBe(true);
    expect(stored?.id).toBe(old.id);
  });

  it("makes one request for several managers of one store", async () => {
    const server = await startProvider();
    const store = await openStore();
    await loggedIn(store, server);
    const managers = Array.from({ length: 4 }, () => manage(store, server));
    const all = await Promise.all(
      managers.flatMap((one) => [one.getAccessToken(ANN), one.getAccessToken(ANN)]),
    );
    expect(new Set(all).size).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it("counts expiry from the moment of the request", async () => {
    const server = await startProvider();
    const store = await openStore();
    await loggedIn(store, server);
    server.next.push({ delayMs: 300 });
    const before = Date.now();
    const token = await manage(store, server).getToken(ANN);
    expect(token.expiresAt).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(token.expiresAt).toBeLessThan(before + 3_600_000 + 290);
  });

  describe("an early refresh", () => {
    it("makes only its starter wait", async () => {
      const server = await startProvider();
      const store = await openStore();
      const old = await loggedIn(store, server, ANN, 30_000);
      const tokens = manage(store, server);
      let isDone = false;
      server.next.push({ delayMs: 500 });
      const starter = tokens.getAccessToken(ANN).finally(() => {
        isDone = true;
      });
      await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
      const others = await Promise.all([
        tokens.getAccessToken(ANN),
        manage(store, server).getAccessToken(ANN),
      ]);
      expect(others).toEqual([old.accessToken, old.accessToken]);
      expect(isDone).toBe(false);
      expect(await starter).not.toBe(old.accessToken);
      expect(server.requests).toHaveLength(1);
    });

    it("is no caller's error when it fails", async () => {
      const server = await startProvider();
      const store = await openStore();
      const old = await loggedIn(store, server, ANN, 30_000);
      server.always = { status: 500, body: "oops" };
      const tokens = manage(store, server);
      for (let call = 0; call < 5; call++) expect(await tokens.getAccessToken(ANN)).toBe(old.accessToken);
      expect(server.requests).toHaveLength(1); // the delay after a failure holds here too
      server.end(ANN.userSignature.name);
      server.always = undefined;
      await delay(700);
      for (let call = 0; call < 5; call++) expect(await tokens.getAccessToken(ANN)).toBe(old.accessToken);
      expect(server.requests).toHaveLength(2); // the dead refresh token is not sent again
    });

    it("does not keep those waiting whose token has ended meanwhile", async () => {
      const server = await startProvider();
      const store = await openStore();
      const old = await loggedIn(store, server, ANN, 400);
      const tokens = manage(store, server);
      server.next.push({ delayMs: 900 });
      const started = performance.now();
      expect(await tokens.getAccessToken(ANN)).toBe(old.accessToken); // it waited while the token was valid
      expect(performance.now() - started).toBeLessThan(850);
      expect(await tokens.getAccessToken(ANN)).not.toBe(old.accessToken); // this one joins the refresh
      expect(server.requests).toHaveLength(1);
    });
  });

  describe("the lifetime of tokens", () => {
    it("halves the validity that is asked of tokens that live for a minute", async () => {
      const server = await startProvider();
      server.lifetimeS = 60;
      const store = await openStore();
      await loggedIn(store, server);
      const tokens = manage(store, server);
      const first = await tokens.getAccessToken(ANN);
      expect(await tokens.getAccessToken(ANN)).toBe(first);
      expect(server.requests).toHaveLength(1);
    });

    it("does so after a login, too", async () => {
      const server = await startProvider();
      server.lifetimeS = 60;
      const tokens = manage(await openStore(), server);
      const saved = await tokens.saveResponse(ANN, server.login("ann@example.com"));
      expect(await tokens.getAccessToken(ANN)).toBe(saved.accessToken);
      expect(server.requests).toHaveLength(0);
    });

    it("honours a caller who needs the token for longer", async () => {
      const server = await startProvider();
      const store = await openStore();
      server.lifetimeS = 600;
      const tokens = manage(store, server);
      const requestedAt = Date.now() - 300_000;
      const saved = await tokens.saveResponse(ANN, server.login("ann@example.com"), { requestedAt });
      expect(await tokens.getAccessToken(ANN, { minValidityMs: 200_000 })).toBe(saved.accessToken);
      const fresh = await tokens.getToken(ANN, { minValidityMs: 500_000 });
      expect(fresh.accessToken).not.toBe(saved.accessToken);
      // more than it ever lives can't be had: half of it then
      expect(await tokens.getAccessToken(ANN, { minValidityMs: 1_000_000 })).toBe(fresh.accessToken);
    });

    it("takes the last lifetime where the answer has none, then the default, then until rejected", async () => {
      const server = await startProvider();
      server.always = { change: ({ expires_in: _, ...answer }) => answer };
      const store = await openStore();
      await loggedIn(store, server, ANN, null);
      const rejected = (await store.findToken(ANN))!.accessToken!;
      const unknown = await manage(store, server).getToken(ANN, { rejected });
      expect(unknown.expiresAt).toBeNull();
      expect(await manage(store, server).getAccessToken(ANN)).toBe(unknown.accessToken);

      await loggedIn(store, server, BOB);
      const known = manage(store, server, { provider: { defaultLifetimeMs: 600_000 } });
      const second = await known.getToken(BOB);
      expect(second.expiresAt! - Date.now()).toBeGreaterThan(590_000);

      const carol = { ...ANN, userSignature: { name: "carol" } };
      await loggedIn(store, server, carol);
      server.next.push({ change: (answer) => ({ ...answer, expires_in: 500 }) });
      const tokens = manage(store, server);
      const third = await tokens.getToken(carol);
      await store.saveToken(third.with({ expiresAt: Date.now() - 1 }));
      const fourth = await tokens.getToken(carol);
      expect(fourth.accessToken).not.toBe(third.accessToken);
      expect(fourth.expiresAt! - Date.now()).toBeGreaterThan(490_000);
      expect(fourth.expiresAt! - Date.now()).toBeLessThan(510_000);
    });
  });

  describe("a token that an API refused", () => {
    it("is refreshed if the store still has it, once in 30 seconds", async () => {
      const server = await startProvider();
      const store = await openStore();
      const old = await loggedIn(store, server, ANN, 3_600_000);
      const tokens = manage(store, server);
      const rejected = old.accessToken!;
      const all = await Promise.all(
        Array.from({ length: 50 }, () => tokens.getAccessToken(ANN, { rejected })),
      );
      expect(new Set(all).size).toBe(1);
      expect(all[0]).not.toBe(rejected);
      expect(server.requests).toHaveLength(1);
      // a late complaint about the old one
      expect(await tokens.getAccessToken(ANN, { rejected })).toBe(all[0]);
      // and one about the new one, in this process or another
      expect(await tokens.getAccessToken(ANN, { rejected: all[0]! })).toBe(all[0]);
      expect(await manage(store, server).getAccessToken(ANN, { rejected: all[0]! })).toBe(all[0]);
      expect(server.requests).toHaveLength(1);
    });

    it("is waited for while another manager refreshes it, also if the provider is busy at first", async () => {
      const server = await startProvider();
      const store = await openStore();
      const { accessToken: rejected } = await loggedIn(store, server, ANN, 3_600_000);
      server.next.push({ status: 503 }, { delayMs: 200 });
      const managers = Array.from({ length: 3 }, () => manage(store, server));
      const all = await Promise.all(managers.map((one) => one.getAccessToken(ANN, { rejected: rejected! })));
      expect(new Set(all).size).toBe(1);
      expect(all[0]).not.toBe(rejected);
      expect(server.requests.map(({ outcome }) => outcome)).toEqual(["503", "ok"]);
    });
  });

  describe("callers who stop waiting", () => {
    it("do not end the refresh, even if all do", async () => {
      const server = await startProvider();
      const store = await openStore();
      await loggedIn(store, server);
      const tokens = manage(store, server);
      server.next.push({ delayMs: 400 });
      const controller = new AbortController();
      const { signal } = controller;
      const callers = Array.from({ length: 10 }, () => errorOf(tokens.getAccessToken(ANN, { signal })));
      await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
      const reason = new Error("the user left");
      controller.abort(reason);
      expect(await Promise.all(callers)).toEqual(Array.from({ length: 10 }, () => reason));
      await tokens.close();
      const stored = await store.findToken(ANN);
      expect(server.accepts(stored?.refreshToken)).toBe(true);
      expect(stored!.expiresAt).toBeGreaterThan(Date.now());
      expect(server.requests).toHaveLength(1);
    });

    it("get an error after timeoutMs, and the answer is kept", async () => {
      const server = await startProvider();
      const store = await openStore();
      await loggedIn(store, server);
      server.next.push({ delayMs: 800 });
      const tokens = manage(store, server, { timeoutMs: 200 });
      const error = await errorOf(tokens.getAccessToken(ANN));
      expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: true });
      await tokens.close();
      expect(server.accepts((await store.findToken(ANN))?.refreshToken)).toBe(true);
      expect(server.requests).toHaveLength(1);
    });

    it("are refused at once where their signal has aborted", async () => {
      const server = await startProvider();
      const store = await openStore();
      await loggedIn(store, server);
      const reason = new Error("too late");
      const signal = AbortSignal.abort(reason);
      expect(await errorOf(manage(store, server).getToken(ANN, { signal }))).toBe(reason);
    });
  });

  describe("what needs a login", () => {
    it("is an unknown user, with advice", async () => {
      const server = await startProvider();
      const error = await errorOf(manage(await openStore(), server).getAccessToken(ANN));
      expect(error).toMatchObject({ code: "ERR_LOGIN_REQUIRED", retryable: false });
      expect(error.message).toMatch(/ann@example.com.*saveResponse/);
    });

    it("is an expired token without a refresh token, or with one that has expired; nothing is sent", async () => {
      const server = await startProvider();
      const store = await openStore();
      const tokens = manage(store, server);
      await store.saveToken({ ...ANN, accessToken: "access-1", expiresAt: Date.now() - 1 });
      await store.saveToken({
        ...BOB,
        accessToken: "access-2",
        expiresAt: Date.now() - 1,
        refreshToken: "refresh-2",
        refreshTokenExpiresAt: Date.now() - 1,
      });
      for (const user of [ANN, BOB]) {
        expect(await errorOf(tokens.getAccessToken(user))).toMatchObject({ code: "ERR_LOGIN_REQUIRED" });
      }
      expect(server.requests).toHaveLength(0);
    });

    it("is a refused refresh token, which no manager sends again, until a login", async () => {
      const server = await startProvider();
      const store = await openStore();
      await loggedIn(store, server);
      server.end(ANN.userSignature.name);
      const told: string[] = [];
      const hooks = {
        onLoginRequired: () => void told.push("login"),
        onRecovered: () => void told.push("recovered"),
      };
      const tokens = manage(store, server, hooks);
      const errors = await Promise.all(Array.from({ length: 20 }, () => errorOf(tokens.getAccessToken(ANN))));
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["ERR_LOGIN_REQUIRED"]));
      expect(server.requests).toHaveLength(1);
      expect(told).toEqual(["login"]);
      // another process, and a restart
      const later = await errorOf(manage(store, server).getAccessToken(ANN));
      expect(later.message).toBe(errors[0]!.message);
      expect(later.cause).toMatchObject({ error: "invalid_grant", status: 400 });
      expect(server.requests).toHaveLength(1);
      const dead = await store.findToken(ANN);
      expect(refreshStateOf(dead!)?.status).toBe("login-required");
      expect(dead?.refreshToken).not.toBeNull();

      await tokens.saveResponse(ANN, server.login("ann@example.com"));
      expect(told).toEqual(["login", "recovered"]);
      await tokens.getAccessToken(ANN);
      expect((await store.getTokens()).length).toBe(1);
      const alive = await store.findToken(ANN);
      await store.saveToken(alive!.with({ expiresAt: 1 }));
      await tokens.getAccessToken(ANN);
      expect(server.requests.map(({ outcome }) => outcome)).toEqual(["invalid_grant", "ok"]);
    });

    it("is tried again after retryDeadAfterMs", async () => {
      const server = await startProvider();
      const store = await openStore();
      await loggedIn(store, server);
      server.next.push({ status: 400, body: { error: "invalid_grant" } });
      const recovered: string[] = [];
      const tokens = manage(store, server, {
        retryDeadAfterMs: 300,
        onRecovered: ({ id }) => void recovered.push(id!),
      });
      await errorOf(tokens.getAccessToken(ANN));
      await errorOf(tokens.getAccessToken(ANN));
      expect(server.requests).toHaveLength(1);
      await delay(350);
      await tokens.getAccessToken(ANN);
      expect(recovered).toHaveLength(1);
    });

    it("is not a refresh token that another process has replaced meanwhile", async () => {
      const server = await startProvider();
      const store = await openStore();
      const old = await loggedIn(store, server);
      const tokens = manage(store, server);
      server.next.push({ delayMs: 300, status: 400, body: { error: "invalid_grant" } });
      const asked = tokens.getAccessToken(ANN);
      await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
      const login = server.login("ann@example.com");
      await store.saveToken({
        id: old.id,
        refreshToken: login.refresh_token as string,
        accessToken: login.access_token as string,
        expiresAt: Date.now() + 3_600_000,
      });
      expect(await asked).toBe(login.access_token);
    });
  });

  it("keeps what else was saved while a refresh was under way", async () => {
    const server = await startProvider();
    const store = await openStore();
    const old = await loggedIn(store, server);
    const tokens = manage(store, server);
    server.next.push({ delayMs: 300 });
    const asked = tokens.getToken(ANN);
    await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
    await store.saveToken({ id: old.id, metadata: { theme: "dark" } });
    const token = await asked;
    expect(token.metadata).toEqual({ theme: "dark" });
    expect(server.accepts(token.refreshToken)).toBe(true);
    expect((await store.findToken(ANN))?.accessToken).toBe(token.accessToken);
  });

  it("never puts a late answer over a login", async () => {
    const server = await startProvider("none");
    const store = await openStore();
    const old = await loggedIn(store, server);
    server.next.push({ delayMs: 300 });
    const asked = manage(store, server).getAccessToken(ANN);
    await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
    const login = {
      accessToken: "access-login",
      refreshToken: "refresh-login",
      expiresAt: Date.now() + 999_999,
    };
    await store.saveToken({ id: old.id, ...login });
    expect(await asked).toBe("access-login");
    expect(await store.findToken(ANN)).toMatchObject(login);
  });

  it("inserts nothing for a record that was deleted meanwhile, and revokes what it received", async () => {
    const server = await startProvider();
    const store = await openStore();
    const old = await loggedIn(store, server);
    server.next.push({ delayMs: 300 });
    const asked = errorOf(manage(store, server).getAccessToken(ANN));
    await expect.poll(() => server.requests.length, { timeout: 15_000 }).toBe(1);
    await store.deleteToken(old.id!);
    expect(await asked).toMatchObject({ code: "ERR_LOGIN_REQUIRED" });
    expect(await store.getTokens()).toEqual([]);
    expect(server.revoked).toHaveLength(1);
    expect(server.revoked[0]).not.toBe(old.refreshToken);
  });

  it("refuses records of another issuer or client before anything is sent", async () => {
    const server = await startProvider();
    const store = await openStore();
    const saved = await loggedIn(store, server);
    await store.saveToken({ id: saved.id, issuer: "https://other.example.com" });
    const error = await errorOf(manage(store, server).getAccessToken(ANN));
    expect(error).toMatchObject({ code: "ERR_PROVIDER", retryable: false });
    await loggedIn(store, server, { ...BOB, clientId: "another" });
    const { id } =
      (await store.findToken(BOB)) ?? (await store.findToken({ userSignature: BOB.userSignature }))!;
    expect(await errorOf(manage(store, server).getAccessToken({ id }))).toMatchObject({
      code: "ERR_PROVIDER",
    });
    expect(server.requests).toHaveLength(0);
  });

  it("binds a record to its issuer at the first success", async () => {
    const server = await startProvider();
    const store = await openStore();
    await loggedIn(store, server);
    const token = await manage(store, server).getToken(ANN);
    expect(token.issuer).toBe(server.url);
  });

  it("keeps two accounts of one user apart", async () => {
    const server = await startProvider();
    const store = await openStore();
    const first = { ...ANN, userSignature: { name: "ann@example.com:60001" } };
    const second = { ...ANN, userSignature: { name: "ann@example.com:60002" } };
    const tokens = manage(store, server);
    await tokens.saveResponse(first, server.login("first"));
    await tokens.saveResponse(second, server.login("second"));
    expect(await tokens.getAccessToken(first)).not.toBe(await tokens.getAccessToken(second));
    expect(await store.getTokens()).toHaveLength(2);
  });

  it("refuses calls after close", async () => {
    const server = await startProvider();
    const store = await openStore();
    await loggedIn(store, server);
    const tokens = manage(store, server);
    await tokens.close();
    await tokens.close();
    expect(await errorOf(tokens.getAccessToken(ANN))).toMatchObject({ code: "ERR_STORE_CLOSED" });
  });
});

describe("new TokenManager", () => {
  const provider = oauth2Provider({ issuer: "https://issuer.example.com", clientId: "app" });

  it("refuses a store without locks or revisions, with the reason", async () => {
    const store = await STORES.memory!();
    for (const missing of ["locks", "revisions"]) {
      const poorer = { capabilities: { ...store.capabilities, [missing]: false } } as unknown as TokenStore;
      expect(() => new TokenManager(poorer, provider)).toThrow(
        expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining(missing) }),
      );
    }
  });

  it.each([
    [{ minValidityMS: 1 }],
    [{ timeoutMs: -1 }],
    [{ pendingMs: "2s" }],
    [{ origins: ["example.com"] }],
    [{ origins: ["http://example.com"] }],
    [{ onRecovered: true }],
    [{ requestTimeoutMs: 20_000, maxHoldMs: 10_000 }],
  ])("refuses %o", async (options) => {
    const store = await STORES.memory!();
    expect(() => new TokenManager(store, provider, options as object)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
    );
  });

  it("refuses unknown options of its methods", async () => {
    const tokens = new TokenManager(await STORES.memory!(), provider);
    for (const promise of [
      tokens.getToken(ANN, { minValidity: 5 } as object),
      tokens.saveResponse(ANN, { access_token: "a" }, { at: 5 } as object),
      tokens.keepAlive({ idle: 5 } as never),
    ]) {
      expect(await errorOf(promise)).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    }
  });

  it.each([
    [{}],
    [{ issuer: undefined }],
    [{ issuer: "https://a.example.com", clientId: undefined }],
    [{ issuer: "not a url" }],
    [{ issuer: "http://a.example.com" }],
    [{ tokenEndpoint: "https://user:secret-1@a.example.com/token" }],
    [{ issuer: "https://a.example.com", rotation: "sometimes" }],
    [{ issuer: "https://a.example.com", rotation: { reuseWithinMs: 0 } }],
    [{ issuer: "https://a.example.com", clientAuthentication: "basic" }],
    [{ issuer: "https://a.example.com", clientsecret: "x" }],
  ])("oauth2Provider refuses %o", (options) => {
    expect(() => oauth2Provider(options as never)).toThrow(
      expect.objectContaining({
        code: "ERR_INVALID_OPTIONS",
        message: expect.not.stringContaining("secret-1"),
      }),
    );
  });
});
