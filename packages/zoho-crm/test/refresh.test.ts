// Zoho's own SDKs with `refresh: true`: one refresh for all calls in all processes, on each kind of store.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { describeOnServer } from "@tokenkeep/test-servers";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Program, Running, run } from "./program.js";
import { SDKS } from "./sdks.js";
import { ADA, BOB, client, newLogin, USUAL } from "./setting.js";

const PROCESSES = 4;
const CALLS = 10;
const ALL = PROCESSES * CALLS;
// each of these processes loads an SDK, which takes half a minute on a busy machine
vi.setConfig({ testTimeout: 300_000 });
// longer, so that a caller which waits for a lease to end shows
const LEASE_MS = 600_000;

let zoho: ZohoStandIn;
let directory: string;
let count = 0;
beforeAll(async () => {
  zoho = await startZoho({ latencyMs: 200 });
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-zoho-"));
});
afterAll(async () => {
  await zoho.stop();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  zoho.requests.length = 0;
  zoho.served.length = 0;
});

describe("on SQLite", () => {
  onStore("@tokenkeep/sqlite", SqliteTokenStore, () => ({ path: join(directory, `${++count}.db`) }), SDKS);
});
describe("on the file store", () => {
  onStore("@tokenkeep/file", FileTokenStore, () => ({ path: join(directory, `${++count}.jsonl`) }));
});
await describeOnServer("redis", ({ url }) => {
  onStore("@tokenkeep/redis", RedisTokenStore, () => ({ url, namespace: `zoho ${process.pid} ${++count}` }));
});
await describeOnServer("mysql", ({ url }) => {
  onStore("@tokenkeep/mysql", MysqlTokenStore, () => ({ url, namespace: `zoho ${process.pid} ${++count}` }));
});

function onStore<O>(
  module: string,
  Store: new (options: O) => TokenStore,
  newOptions: () => O,
  sdks = USUAL,
): void {
  it.each(sdks)(
    `${CALLS} calls at once in each of ${PROCESSES} processes make one refresh: %s`,
    async (sdk) => {
      const options = { ...newOptions(), leaseMs: LEASE_MS };
      await using store = new Store(options);
      const login = zoho.login("client-1", ADA);
      const others = { scope: "kept", metadata: { kept: true } };
      const ada = await store.saveToken({ ...client(), ...login, ...others });
      const bob = await store.saveToken({ ...client(), ...zoho.login("client-1", BOB) });
      const ids = [ada.id, bob.id];
      const refreshes = () => zoho.requests.filter((request) => request === "refresh");

      const calls = [["wait"], ["atOnce", CALLS]] as const;
      const byTurns = [["wait"], ["byTurns", { ids, count: CALLS }]] as const;
      const steps = [["initialize", { id: ada.id }], ...calls, ...byTurns, ...calls] as const;
      const program: Program = {
        sdk,
        url: zoho.url,
        store: { module, options },
        bridge: { refresh: true },
        steps,
      };
      const running = Array.from({ length: PROCESSES }, () => new Running(program));
      /** Lets all processes go on at once with access tokens that have expired. */
      const goOn = async (): Promise<void> => {
        for (const id of ids) await store.saveToken({ id, expiresAt: Date.now() - 1000 });
        zoho.requests.length = 0;
        for (const each of running) each.go();
      };

      await Promise.all(running.map((each) => each.waits(1)));
      await goOn();
      await Promise.all(running.map((each) => each.waits(2)));
      expect(refreshes()).toHaveLength(1);
      expect(zoho.served).toEqual(Array(ALL).fill(ADA.email));
      const record = await store.findTokenById(ada.id ?? "");
      expect(record).toMatchObject({ refreshToken: login.refreshToken, ...others });
      expect(record?.expiresAt).toBeGreaterThan(Date.now());

      // two users by turns: one refresh for each, and none answered as the other
      await goOn();
      await Promise.all(running.map((each) => each.waits(3)));
      expect(refreshes()).toHaveLength(2);

      // Ada revokes everything at Zoho: every caller learns it at once, and Zoho is asked once
      zoho.revokeAll(ADA.email);
      await goOn();
      const results = await Promise.all(running.map((each) => each.results));
      expect(refreshes()).toHaveLength(1);

      const [first, turns, last] = [2, 4, 6].map((step) => results.flatMap((given) => given[step]));
      expect(first).toEqual(Array(ALL).fill(200));
      const answers = [
        [ada.id, ADA.email],
        [bob.id, BOB.email],
      ];
      expect(turns).toEqual(Array.from({ length: ALL }, (_, i) => answers[i % 2]));
      expect(last).toHaveLength(ALL);
      for (const call of last ?? []) {
        expect(call.error).toContainEqual(expect.objectContaining({ code: "ERR_LOGIN_REQUIRED" }));
      }
    },
  );
}

describe("on memory", () => {
  it.each(SDKS)("ten calls at once make one refresh: %s", async (sdk) => {
    const [, , calls, asked] = await run({
      sdk,
      url: zoho.url,
      store: { module: "@tokenkeep/memory" },
      bridge: { refresh: true },
      login: newLogin(zoho),
      steps: [["initialize"], ["expire"], ["atOnce", CALLS], ["calls"]],
    });
    expect(calls).toEqual(Array(CALLS).fill(200));
    expect(zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
    // the login is all that the SDK itself has saved
    expect(asked.filter((call: string) => call === "saveToken")).toHaveLength(1);
  });
});
