import { setTimeout as delay } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { refreshStateOf } from "../src/index.js";
import { describeOnBackend, openStore } from "./support/backends.js";
import { Gate } from "./support/gate.js";
import { OddProvider } from "./support/odd-provider.js";
import { type StoreSettings, startWorkers, Worker, type WorkerSettings } from "./support/processes.js";
import { loggedIn } from "./support/setup.js";

// eight processes on a machine that may be busy
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** Whether to take the time that the outages take: half an hour. */
const EVERY = Boolean(process.env.TOKENKEEP_EVERY);
/** How many refreshing processes are killed on each backend; each is refreshing USERS users. */
const KILLS = EVERY ? 200 : 3;
const KILLS_LIMIT_MS = 600_000 + KILLS * 20_000;
const USERS = 10;
const LEASE_MS = 1000;
const PENDING_MS = 500;

const userOf = (name: string) => ({ userSignature: { name }, clientId: "app" });
const ANN = userOf("ann@example.com");

for (const name of ["sqlite", "redis", "mysql"]) {
  await describeOnBackend(name, (backend) => {
    let server: OddProvider;
    let settings: StoreSettings;
    let store: TokenStore;

    beforeAll(async () => {
      server = await OddProvider.start();
      settings = backend.settings({ leaseMs: LEASE_MS });
      store = await openStore(settings);
      await store.getTokens();
    });

    afterAll(async () => {
      await store.close();
      await server.stop();
    });

    const workerSettings = (more: Partial<WorkerSettings> = {}): WorkerSettings => ({
      store: settings,
      provider: { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret },
      manager: { pendingMs: PENDING_MS },
      ...more,
    });

    it(
      `${KILLS} times SIGKILL: only a kill between answer and save logs out`,
      async () => {
        const [survivor] = await startWorkers(1, workerSettings());
        let victim = (await startWorkers(1, workerSettings()))[0]!;
        const counts = { refreshed: 0, loggedOut: 0, slowest: 0 };
        for (let round = 0; round < KILLS; round++) {
          const users = Array.from({ length: USERS }, (_, index) => userOf(`user-${round}-${index}`));
          for (const user of users) await loggedIn(store, server, user);
          server.always = { delayMs: Math.random() * 40 };
          const next = startWorkers(1, workerSettings());
          const standby = await next; // started before, so that its start takes no time from the round
          const begun = new Promise<void>((done) => {
            server.onRequest = () => done();
          });
          void victim.get(users).catch(() => {});
          // mostly while it refreshes, sometimes before its first request
          await Promise.race([begun, delay(Math.random() < 0.25 ? 50 : 10_000)]);
          await delay(Math.random() * 100);
          victim.kill("SIGKILL");
          await victim.ended;
          server.onRequest = () => {};
          server.always = undefined;
          const killedAt = performance.now();
          const before = new Map<string, string | null>();
          for (const user of users) {
            before.set(user.userSignature.name, (await store.findToken(user))!.refreshToken);
          }
          const outcomes = await survivor!.get(users);
          counts.slowest = Math.max(counts.slowest, performance.now() - killedAt);
          for (const [index, outcome] of outcomes.entries()) {
            const user = users[index]!;
            const requests = server.requestsOf(user.userSignature.name);
            const answered = requests[0]?.outcome === "ok";
            // the answer to the killed process was not saved: its refresh token was used up, and the next is lost
            const wasLost = answered && requests[0]?.refreshToken === before.get(user.userSignature.name);
            if (outcome.token === undefined) {
              counts.loggedOut++;
              expect(outcome.code).toBe("ERR_LOGIN_REQUIRED");
              expect(wasLost).toBe(true);
            } else {
              counts.refreshed++;
              expect(server.accepts((await store.findToken(user))?.refreshToken)).toBe(true);
            }
            expect(requests.length).toBeLessThanOrEqual(2);
          }
          victim = standby[0]!;
        }
        await Promise.all([survivor!.close(), victim.close()]);
        console.log(`${backend.name}: ${JSON.stringify(counts)}`);
        expect(counts.refreshed + counts.loggedOut).toBe(KILLS * USERS);
        expect(counts.slowest).toBeLessThan(LEASE_MS + PENDING_MS + 30_000); // the machine may be busy
      },
      KILLS_LIMIT_MS,
    );

    it("SIGSTOP past the lease: the late answer never overwrites the newer token", async () => {
      server.rotation = { reuseWithinMs: 60_000 };
      const user = userOf("frozen");
      const provider = { ...workerSettings().provider, rotation: server.rotation };
      const [first, second] = await startWorkers(2, workerSettings({ provider }));
      await loggedIn(store, server, user);
      server.onUsed = () => {
        first!.kill("SIGSTOP");
        server.onUsed = () => {};
      };
      const late = first!.get([user]);
      await expect.poll(() => server.requestsOf("frozen").length, { timeout: 10_000 }).toBe(1);
      const [outcome] = await second!.get([user]);
      expect(outcome!.token).toBeDefined();
      first!.kill("SIGCONT");
      const [thawed] = await late;
      expect(thawed!.token).toBe(outcome!.token);
      const stored = await store.findToken(user);
      expect(stored?.accessToken).toBe(outcome!.token);
      expect(server.accepts(stored?.refreshToken)).toBe(true);
      expect(server.requestsOf("frozen")).toHaveLength(2);
      await Promise.all([first!.close(), second!.close()]);
      server.rotation = "strict";
    });

    it("revoke waits for a refresh under way in another process, and revokes the newest token", async () => {
      const user = userOf("leaver");
      const provider = { ...workerSettings().provider, revocationEndpoint: `${server.url}/revoke` };
      const [first, second] = await startWorkers(2, workerSettings({ provider }));
      await loggedIn(store, server, user);
      server.next.push({ delayMs: 600 });
      const refreshing = first!.get([user]);
      await expect.poll(() => server.requestsOf("leaver").length, { timeout: 10_000 }).toBe(1);
      await second!.revoke(user);
      expect((await refreshing)[0]!.token).toBeDefined();
      expect(await store.findToken(user)).toBeNull();
      expect(server.revoked).toHaveLength(1);
      expect(server.revoked[0]).not.toBe(server.requestsOf("leaver")[0]!.refreshToken);
      await Promise.all([first!.close(), second!.close()]);
    });

    if (backend.url !== undefined) {
      it("the store is down between answer and save: the answer is kept, and another process waits for it", async () => {
        const user = userOf("patient");
        const near = await Gate.inFrontOf(backend.url!);
        const far = await Gate.inFrontOf(backend.url!);
        const shared = backend.settings({ leaseMs: LEASE_MS, timeoutMs: 1000 });
        const through = (gate: Gate) => ({ ...shared, options: { ...shared.options, url: gate.url } });
        const direct = await openStore(shared);
        await loggedIn(direct, server, user);
        const manager = { pendingMs: 3000 };
        const [first] = await startWorkers(1, workerSettings({ store: through(far), manager }));
        const [second] = await startWorkers(1, workerSettings({ store: through(near), manager }));
        server.onUsed = () => {
          near.close();
          far.close();
          server.onUsed = () => {};
        };
        const [failed] = await first!.get([user]);
        expect(failed).toMatchObject({ code: "ERR_UNAVAILABLE" });
        await delay(1500);
        near.open(); // the other process is the first to reach the store, and to get the lease
        const asked = second!.get([user]);
        await delay(700);
        far.open();
        const [outcome] = await asked;
        const stored = await direct.findToken(user);
        expect(outcome!.token).toBe(stored?.accessToken);
        expect(server.requestsOf("patient")).toHaveLength(1);
        expect(server.accepts(stored?.refreshToken)).toBe(true);
        await Promise.all([first!.close(), second!.close()]);
        await direct.close();
        near.stop();
        far.stop();
      });
    }
  });
}

await describeOnBackend("sqlite", (backend) => {
  describe("a store that takes no writes", () => {
    it("shows before the grant is used: nothing is sent", async () => {
      const { server, settings, store } = await start(backend.settings({ timeoutMs: 700 }));
      const old = await loggedIn(store, server, ANN);
      const [worker] = await startWorkers(1, settings());
      const block = blockWrites(settings().store);
      const [outcome] = await worker!.get([ANN]);
      expect(outcome).toMatchObject({ code: "ERR_UNAVAILABLE" });
      block.end();
      expect(server.requests).toHaveLength(0);
      expect((await store.findToken(ANN))?.refreshToken).toBe(old.refreshToken);
      expect((await worker!.get([ANN]))[0]!.token).toBeDefined();
      await worker!.close();
      await end(server, store);
    });

    it("from the answer on: the answer is kept until it does", async () => {
      const { server, settings, store } = await start(
        backend.settings({ timeoutMs: 700, leaseMs: LEASE_MS }),
      );
      await loggedIn(store, server, ANN);
      const workers = await startWorkers(2, settings());
      let block: { end(): void } | undefined;
      server.onUsed = () => {
        block = blockWrites(settings().store);
        server.onUsed = () => {};
      };
      expect((await workers[0]!.get([ANN]))[0]).toMatchObject({ code: "ERR_UNAVAILABLE" });
      await delay(1500);
      block!.end();
      const outcomes = (await Promise.all(workers.map((worker) => worker.get([ANN], 5)))).flat();
      const stored = await store.findToken(ANN);
      expect(new Set(outcomes.map(({ token }) => token))).toEqual(new Set([stored?.accessToken]));
      expect(server.requests).toHaveLength(1);
      expect(server.accepts(stored?.refreshToken)).toBe(true);
      await Promise.all(workers.map((worker) => worker.close()));
      await end(server, store);
    });
  });

  it("clocks that differ by 30 seconds: one refresh, and every token works", async () => {
    const { server, settings, store } = await start(backend.settings());
    server.lifetimeS = 300;
    await loggedIn(store, server, ANN, 20_000);
    const workers = await Promise.all(
      [-30_000, 0, 30_000].map(async (clockOffsetMs) => {
        const worker = new Worker({ ...settings(), clockOffsetMs });
        await worker.open();
        return worker;
      }),
    );
    for (let round = 0; round < 10; round++) {
      const outcomes = (await Promise.all(workers.map((worker) => worker.get([ANN], 3)))).flat();
      for (const { token } of outcomes) {
        const answer = await fetch(`${server.url}/api`, { headers: { authorization: `Bearer ${token}` } });
        expect(answer.status).toBe(200);
      }
    }
    expect(server.requests).toHaveLength(1);
    await Promise.all(workers.map((worker) => worker.close()));
    await end(server, store);
  });

  const apiMs = EVERY ? 30_000 : 5000;
  it(`an API that answers 401 to every token, 8 processes, ${apiMs} ms: at most one refresh`, async () => {
    const { server, settings, store } = await start(backend.settings());
    await loggedIn(store, server, ANN, 3_600_000);
    server.rejectsAll = true;
    const workers = await startWorkers(8, settings());
    const statuses = await Promise.all(workers.map((worker) => worker.call(ANN, `${server.url}/api`, apiMs)));
    expect(Object.keys(Object.assign({}, ...statuses))).toEqual(["401"]);
    expect(server.requests.length).toBeLessThanOrEqual(1);
    expect(server.apiCalls.length).toBeGreaterThan(8);
    await Promise.all(workers.map((worker) => worker.close()));
    await end(server, store);
  }, 180_000);

  const downMs = EVERY ? 60_000 : 8000;
  it(`a provider that is down for ${downMs} ms: requests grow apart, also after a restart`, async () => {
    const { server, settings, store } = await start(backend.settings());
    await loggedIn(store, server, ANN);
    server.always = { status: 503, body: "down" };
    const manager = { requestTimeoutMs: 1000 };
    const workers = await startWorkers(4, { ...settings(), manager });
    const messages = (await Promise.all(workers.map((worker) => worker.insist(ANN, downMs / 2)))).flat();
    expect(messages).not.toContain("ok");
    expect(messages.join()).toMatch(/503/);
    await Promise.all(workers.map((worker) => worker.close()));
    const failures = refreshStateOf((await store.findToken(ANN))!)!.failures!;
    const again = await startWorkers(4, { ...settings(), manager });
    await Promise.all(again.map((worker) => worker.insist(ANN, downMs / 2)));
    await Promise.all(again.map((worker) => worker.close()));
    const { requests } = server;
    expect(refreshStateOf((await store.findToken(ANN))!)!.failures!).toBeGreaterThanOrEqual(failures);
    // half a second, then twice as long each time; the restart changes nothing
    for (let index = 1; index < requests.length; index++) {
      const gap = requests[index]!.at - requests[index - 1]!.at;
      expect(gap).toBeGreaterThan(0.95 * 500 * 2 ** (index - 1));
    }
    expect(requests.length).toBeLessThanOrEqual(2 + Math.log2(downMs / 500) + 1);
    await end(server, store);
  }, 180_000);

  async function start(storeSettings: StoreSettings) {
    const server = await OddProvider.start();
    const store = await openStore(storeSettings);
    const provider = { tokenEndpoint: server.tokenEndpoint, clientId: "app", clientSecret: server.secret };
    const manager = { pendingMs: 3000, origins: [server.url] };
    const settings = (): WorkerSettings => ({ store: storeSettings, provider, manager });
    return { server, store, settings };
  }

  async function end(server: OddProvider, store: TokenStore): Promise<void> {
    await store.close();
    await server.stop();
  }
});

/** Takes SQLite's write lock, as a long transaction of another program would. Reads still work. */
function blockWrites({ options }: StoreSettings): { end(): void } {
  const database = new Database((options as { path: string }).path);
  database.exec("BEGIN IMMEDIATE");
  return {
    end: () => {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}
