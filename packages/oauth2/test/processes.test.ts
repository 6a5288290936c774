import type { TokenStore } from "@tokenkeep/core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { User } from "../src/index.js";
import { describeOnBackend, openStore } from "./support/backends.js";
import { OddProvider } from "./support/odd-provider.js";
import { PATIENT, startWorkers, type Worker } from "./support/processes.js";
import { loggedIn } from "./support/setup.js";

// eight processes on a machine that may be busy
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const userOf = (name: string) => ({ userSignature: { name }, clientId: "app" });

for (const name of ["sqlite", "file", "redis", "mysql", "postgres", "ferretdb"]) {
  await describeOnBackend(name, (backend) => {
    let server: OddProvider;
    let store: TokenStore;
    let workers: Worker[];

    beforeAll(async () => {
      server = await OddProvider.start();
      const settings = backend.settings({ timeoutMs: 30_000, leaseMs: 60_000 });
      store = await openStore(settings);
      await store.getTokens();
      const provider = { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret };
      workers = await startWorkers(8, { store: settings, provider, manager: PATIENT });
    });

    afterAll(async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      await store.close();
      await server.stop();
    });

    const ask = async (users: User[], callers: number, count = workers.length) =>
      (await Promise.all(workers.slice(0, count).map((worker) => worker.get(users, callers)))).flat();

    it("8 processes × 25 callers meet one expired token: one request, and all get the new one", async () => {
      const ann = userOf("ann@example.com");
      await loggedIn(store, server, ann);
      const outcomes = await ask([ann], 25);
      const stored = await store.findToken(ann);
      expect(outcomes.filter(({ token }) => token !== stored?.accessToken)).toEqual([]);
      expect(outcomes).toHaveLength(200);
      expect(server.requestsOf("ann@example.com")).toHaveLength(1);
      expect(server.accepts(stored?.refreshToken)).toBe(true);
    });

    it("50 users at once: 50 requests, and nobody is logged out", async () => {
      const users = Array.from({ length: 50 }, (_, index) => userOf(`user-${index}`));
      for (const user of users) await loggedIn(store, server, user);
      const before = server.requests.length;
      const outcomes = await ask(users, 1);
      expect(outcomes.filter(({ token }) => token === undefined)).toEqual([]);
      expect(new Set(outcomes.map(({ token }) => token)).size).toBe(50);
      expect(server.requests.length - before).toBe(50);
      for (const user of users)
        expect(server.accepts((await store.findToken(user))?.refreshToken)).toBe(true);
    });

    it("4 processes × 250 callers: 1,000 of 1,000 get the token", async () => {
      const bob = userOf("bob@example.com");
      await loggedIn(store, server, bob);
      const outcomes = await ask([bob], 250, 4);
      expect(outcomes.filter(({ token }) => token === undefined)).toEqual([]);
      expect(outcomes).toHaveLength(1000);
      expect(server.requestsOf("bob@example.com")).toHaveLength(1);
    });

    it("a failure is everybody's: 8 processes × 25 callers, one request", async () => {
      const carol = userOf("carol@example.com");
      await loggedIn(store, server, carol);
      server.end("carol@example.com");
      const outcomes = await ask([carol], 25);
      expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set(["ERR_LOGIN_REQUIRED"]));
      expect(server.requestsOf("carol@example.com")).toHaveLength(1);
    });

    it("a failure that may pass is everybody's, too", async () => {
      const dave = userOf("dave@example.com");
      await loggedIn(store, server, dave);
      server.always = { delayMs: 300, status: 500, body: "oops" };
      const outcomes = await ask([dave], 25);
      server.always = undefined;
      expect(new Set(outcomes.map(({ message }) => message)).size).toBe(1);
      expect(server.requestsOf("dave@example.com")).toHaveLength(1);
    });

    it("nobody waits for an early refresh but its starter", async () => {
      const erin = userOf("erin@example.com");
      const old = await loggedIn(store, server, erin, 30_000);
      server.next.push({ delayMs: 3000 });
      const starter = workers[0]!.get([erin]);
      await expect.poll(() => server.requestsOf("erin@example.com").length, { timeout: 15_000 }).toBe(1);
      const others = (await Promise.all(workers.slice(1).map((worker) => worker.get([erin], 10)))).flat();
      expect(others.filter(({ token }) => token !== old.accessToken)).toEqual([]);
      const [first] = await starter;
      expect(first!.token).not.toBe(old.accessToken);
      expect(server.requestsOf("erin@example.com")).toHaveLength(1);
    });
  });
}
