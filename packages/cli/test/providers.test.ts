import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TokenStore } from "@tokenkeep/core";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { folderForTest, storeOn } from "./support/backends.js";
import { tokenkeepHere } from "./support/run.js";

const DAY = 86_400_000;
let url: string;
let store: TokenStore;
beforeEach(() => {
  url = `sqlite:${join(folderForTest(), "tokens.db")}`;
  store = storeOn(url);
  return () => store.close();
});

/** A record that was saved 40 days ago. */
async function importIdle(token: object & { id: string }): Promise<void> {
  const at = Date.now() - 40 * DAY;
  await store.importToken({ revision: 1, createdAt: at, savedAt: at, expiresAt: at, ...token });
}

const run = async (...args: string[]) => {
  const { status, stdout, stderr } = await tokenkeepHere([...args, "--store", url, "--json"], {
    TOKENKEEP_CLIENT_SECRET: SECRET,
  });
  return { status, stderr, result: stdout === "" ? undefined : JSON.parse(stdout) };
};
const SECRET = "a secret of 32 characters, or more of them";

describe("on oidc-provider (RFC 7009), which rotates", () => {
  let stop: () => void;
  let issuer: string;
  beforeAll(async () => {
    const script = new URL("../../oauth2/test/support/oidc-server.mjs", import.meta.url);
    const server = fork(fileURLToPath(script), { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    stop = () => server.disconnect();
    [{ issuer }] = (await once(server, "message")) as [{ issuer: string }];
  });
  afterAll(() => stop());

  const ask = async (path: string) =>
    (await (await fetch(`${issuer}/control/${path}`)).json()) as Record<string, string>;
  const login = async (name: string) => {
    const { access_token, refresh_token } = await ask(`login?user=${name}&client=app`);
    await importIdle({
      id: name,
      userSignature: { name },
      clientId: "app",
      accessToken: access_token,
      refreshToken: refresh_token,
    } as { id: string });
    return refresh_token!;
  };
  const provider = () => ["--issuer", issuer, "--client-id", "app"];

  it("revoke revokes the grant, and then deletes the record", async () => {
    const refreshToken = await login("ann");
    const rehearsed = await run("revoke", "ann", ...provider(), "--dry-run");
    expect(rehearsed.result).toEqual({ id: "ann", revoked: false, dryRun: true });
    expect(await run("revoke", "ann", ...provider())).toMatchObject({ status: 2 });
    expect(await ask(`accepts?token=${refreshToken}`)).toEqual({ accepts: true });
    expect(await run("revoke", "ann", ...provider(), "--yes")).toMatchObject({
      status: 0,
      result: { id: "ann", revoked: true },
    });
    expect(await ask(`accepts?token=${refreshToken}`)).toEqual({ accepts: false });
    expect(await store.findTokenById("ann")).toBeNull();
  });

  it("revoke keeps the record if the provider can't be reached", async () => {
    await login("ann");
    const away = ["--token-endpoint", "http://127.0.0.1:1/token", "--client-id", "app"];
    const revoking = ["--revocation-endpoint", "http://127.0.0.1:1/revoke", "--yes"];
    const { status, stderr } = await run("revoke", "ann", ...away, ...revoking);
    expect([status, stderr]).toEqual([1, expect.stringContaining("ERR_PROVIDER")]);
    expect(await store.findTokenById("ann")).not.toBeNull();
  });

  it("refresh refreshes what is idle, once, and leaves alone what is another client's", async () => {
    const before = [await login("ann"), await login("bob")];
    await importIdle({ id: "other", clientId: "other", refreshToken: "not for this server" } as {
      id: string;
    });
    await store.saveToken({ id: "fresh", clientId: "app", refreshToken: "f", accessToken: "a" });
    const args = ["refresh", "--idle", "30d", ...provider(), "--yes"];
    expect(await run(...args.slice(0, -1))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("Refresh 2 grants in sqlite:"),
    });
    expect(await run(...args, "--dry-run")).toMatchObject({ result: { due: 2, dryRun: true } });
    const [one, two] = await Promise.all([run(...args), run(...args)]);
    expect([one.status, two.status]).toEqual([0, 0]);
    for (const [i, name] of ["ann", "bob"].entries()) {
      const token = (await store.findTokenById(name))!;
      expect(token.refreshToken).not.toBe(before[i]);
      // A second use of the old one would have ended the grant.
      expect(await ask(`accepts?token=${token.refreshToken}`)).toEqual({ accepts: true });
    }
    expect((await store.findTokenById("other"))?.refreshToken).toBe("not for this server");
    expect(one.stderr).toContain("1 grant left out");
    expect((await run(...args)).result).toEqual({ refreshed: 0, failed: 0 });
  });

  it("refresh says that a grant is dead, and list shows it", async () => {
    await importIdle({ id: "dead", clientId: "app", refreshToken: "never issued" } as { id: string });
    const failed = await run("refresh", "--idle", "30d", ...provider(), "--yes");
    expect(failed).toMatchObject({ status: 1, result: { refreshed: 0, failed: 1 } });
    expect((await run("list")).result).toMatchObject({ id: "dead", state: "login-required" });
    expect((await run("refresh", "--idle", "30d", ...provider(), "--yes")).result).toEqual({
      refreshed: 0,
      failed: 0,
    });
  });
});

describe("on Zoho's endpoints", () => {
  let zoho: ZohoStandIn;
  beforeEach(async () => {
    zoho = await startZoho();
    return () => zoho.stop();
  });

  const login = (name: string, apiDomain: string) =>
    importIdle({
      id: name,
      userSignature: { name },
      clientId: "1000.C",
      clientSecret: SECRET,
      apiDomain,
      ...zoho.login("1000.C", { email: name, zgid: "1" }),
    } as { id: string });
  const provider = () => ["--zoho", "--token-endpoint", `${zoho.url}/oauth/v2/token`];

  it("revoke and refresh use them", async () => {
    await login("ann", zoho.url);
    await login("bob", zoho.url);
    const client = ["--client-id", "1000.C"];
    expect((await run("refresh", "--idle", "30d", ...provider(), ...client, "--yes")).result).toEqual({
      refreshed: 2,
      failed: 0,
    });
    expect((await run("revoke", "ann", ...provider(), "--yes")).status).toBe(0);
    expect(zoho.requests).toEqual(["refresh", "refresh", "revoke"]);
    expect(await store.findTokenById("ann")).toBeNull();
  });

  it("refresh keeps to --max-rate, and can be stopped", async () => {
    for (let user = 0; user < 6; user++) await login(`user ${user}`, zoho.url);
    const stop = new AbortController();
    const rate = ["--client-id", "1000.C", "--max-rate", "0.001", "--store", url, "--yes"];
    const env = { TOKENKEEP_CLIENT_SECRET: SECRET };
    const here = { signal: stop.signal, isTerminal: true };
    const running = tokenkeepHere(["refresh", "--idle", "30d", ...provider(), ...rate], env, here);
    await vi.waitUntil(() => zoho.requests.length === 4, { timeout: 60_000, interval: 20 });
    await sleep(300);
    stop.abort(new Error("Stopped."));
    const { status, stderr } = await running;
    expect([status, zoho.requests.length]).toEqual([1, 4]);
    expect(stderr).toContain("4 of 6, 0 failed");
    expect(stderr).toContain("Stopped.");
  });

  it("refresh needs no client if the record names one of Zoho's domains", async () => {
    await login("ann", "https://www.zohoapis.eu");
    await login("eve", "https://zohoapis.example.com");
    const { result, stderr } = await run("refresh", "--idle", "30d", "--zoho", "eu", "--dry-run");
    expect([result.due, stderr]).toEqual([1, expect.stringContaining("1 grant left out")]);
  });
});

it.each([
  [["refresh", "--idle", "30d"]],
  [["revoke", "x"]],
  [["refresh", "--idle", "30d", "--zoho", "mars"]],
  [["refresh", "--zoho"]],
  [["refresh", "--idle", "30d", "--issuer", "http://example.com"]],
])("%j is wrong usage", async (args) => {
  expect(await run(...args)).toMatchObject({ status: 2 });
});
