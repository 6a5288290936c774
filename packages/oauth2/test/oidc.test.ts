import { type ChildProcess, fork } from "node:child_process";
import type { JsonWebKey } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TokenStore } from "@tokenkeep/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { clientCredentials, oauth2Provider, TokenManager } from "../src/index.js";
import { describeOnBackend, openStore } from "./support/backends.js";
import { PATIENT, startWorkers } from "./support/processes.js";
import { errorOf, STORES } from "./support/setup.js";

// eight processes on a machine that may be busy
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

interface Server {
  readonly issuer: string;
  readonly secret: string;
  readonly privateKey: JsonWebKey;
}

const userOf = (name: string) => ({ userSignature: { name }, clientId: "app" });

/** `oidc-provider`, which rotates refresh tokens and logs the user out when one is used twice. */
describe("on oidc-provider", async () => {
  let child: ChildProcess;
  let server: Server;

  beforeAll(async () => {
    const script = fileURLToPath(new URL("./support/oidc-server.mjs", import.meta.url));
    child = fork(script, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    [server] = (await once(child, "message")) as [Server];
  });

  afterAll(() => {
    child.disconnect();
  });

  const control = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${server.issuer}/control/${path}`)).json()) as T;
  const counts = () => control<{ ok: number; errors: Record<string, number> }>("counts");
  const accepts = async (store: TokenStore, user: object) => {
    const token = (await store.findToken(user))?.refreshToken;
    return (await control<{ accepts: boolean }>(`accepts?token=${token}`)).accepts;
  };

  async function loggedIn(store: TokenStore, user: { userSignature: { name: string }; clientId: string }) {
    const { name } = user.userSignature;
    const answer = await control<Record<string, string>>(`login?user=${name}&client=${user.clientId}`);
    await store.saveToken({
      ...user,
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      expiresAt: Date.now() - 1,
    });
  }

  it("discovers the issuer, refreshes, rotates, and revokes", async () => {
    const store = await STORES.memory!();
    const { issuer, secret } = server;
    const tokens = new TokenManager(store, oauth2Provider({ issuer, clientId: "app", clientSecret: secret }));
    await loggedIn(store, userOf("ann"));
    const before = await counts();
    for (let round = 1; round <= 5; round++) {
      const token = await tokens.getToken(userOf("ann"));
      expect(token.issuer).toBe(issuer);
      await store.saveToken(token.with({ expiresAt: 1 }));
    }
    expect((await counts()).ok - before.ok).toBe(5);
    expect(await accepts(store, userOf("ann"))).toBe(true);
    const { refreshToken } = (await store.findToken(userOf("ann")))!;
    await tokens.revoke(userOf("ann"));
    expect(await control(`accepts?token=${refreshToken}`)).toEqual({ accepts: false });
  });

  it.each(["app", "post", "jwt", "key", "public"])("authenticates the client %s", async (clientId) => {
    const { issuer, secret, privateKey } = server;
    const store = await STORES.memory!();
    const user = { ...userOf("ann"), clientId };
    await loggedIn(store, user);
    const key = () =>
      crypto.subtle.importKey("jwk", privateKey as never, { name: "ECDSA", namedCurve: "P-256" }, false, [
        "sign",
      ]);
    const how = {
      app: { clientSecret: secret },
      post: { clientSecret: secret, clientAuthentication: "client_secret_post" as const },
      jwt: { clientSecret: secret, clientAuthentication: "client_secret_jwt" as const },
      key: { clientPrivateKey: key },
      public: {},
    }[clientId];
    const tokens = new TokenManager(store, oauth2Provider({ issuer, clientId, ...how }));
    expect(await tokens.getAccessToken(user)).toMatch(/^\S+$/);
  });

  it("gets tokens of the program itself", async () => {
    const { issuer, secret } = server;
    const store = await STORES.memory!();
    const provider = clientCredentials({ issuer, clientId: "app", clientSecret: secret, scope: "read" });
    const token = await new TokenManager(store, provider).getToken();
    expect(token).toMatchObject({ scope: "read", refreshToken: null });
  });

  it("logs the user out where a refresh token is used twice, as programs without a lock do", async () => {
    const { issuer, secret } = server;
    const store = await STORES.memory!();
    await loggedIn(store, userOf("ann"));
    const provider = oauth2Provider({ issuer, clientId: "app", clientSecret: secret });
    const token = (await store.findToken(userOf("ann")))!;
    const { signal } = new AbortController();
    await provider.refresh(token, { signal });
    expect(await errorOf(provider.refresh(token, { signal }))).toMatchObject({ error: "invalid_grant" });
  });

  for (const name of ["sqlite", "file", "redis", "mysql", "postgres", "ferretdb"]) {
    await describeOnBackend(name, (backend) => {
      it("8 processes × 25 callers, then 19 users at once: one request each, nobody is logged out", async () => {
        const settings = backend.settings({ timeoutMs: 30_000, leaseMs: 60_000 });
        const store = await openStore(settings);
        const users = Array.from({ length: 20 }, (_, index) => userOf(`${name}-${index}`));
        for (const user of users) await loggedIn(store, user);
        const provider = { issuer: server.issuer, clientId: "app", clientSecret: server.secret };
        const workers = await startWorkers(8, { store: settings, provider, manager: PATIENT });
        const before = await counts();
        const ask = async (callers: number, some: typeof users) =>
          (await Promise.all(workers.map((worker) => worker.get(some, callers)))).flat();
        const ann = await ask(25, users.slice(0, 1));
        expect(ann.filter(({ token }) => token === undefined).map(({ message }) => message)).toEqual([]);
        expect(new Set(ann.map(({ token }) => token)).size).toBe(1);
        const all = await ask(1, users.slice(1));
        expect(all.filter(({ token }) => token === undefined).map(({ message }) => message)).toEqual([]);
        const after = await counts();
        expect(after.ok - before.ok).toBe(20);
        expect(after.errors).toEqual(before.errors);
        for (const user of users) expect(await accepts(store, user)).toBe(true);
        await Promise.all(workers.map((worker) => worker.close()));
        await store.close();
      });
    });
  }
});
