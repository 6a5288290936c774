import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const OIDC = fileURLToPath(new URL("../../packages/oauth2/test/support/oidc-server.mjs", import.meta.url));
const programOf = (name: string) => fileURLToPath(new URL(`../programs/${name}`, import.meta.url));

/** The programs of the guides, on a real authorization server and an API that accepts its tokens. */
describe("the guides", () => {
  let oidc: ChildProcess;
  let issuer: string;
  let secret: string;
  let api: Server;
  let apiUrl: string;
  let directory: string;
  let database: string;

  beforeAll(async () => {
    oidc = fork(OIDC, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const [message] = (await once(oidc, "message")) as [{ issuer: string; secret: string }];
    ({ issuer, secret } = message);
    api = createServer((request, response) => {
      const isGood = /^Bearer \S{20,}$/.test(request.headers.authorization ?? "");
      response.writeHead(isGood ? 200 : 401).end(request.headers.authorization);
    });
    api.listen(0, "127.0.0.1");
    await once(api, "listening");
    apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    oidc.disconnect();
    api.close();
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tokenkeep-guides-"));
    database = join(directory, "tokens.db");
    return () => rm(directory, { recursive: true });
  });

  const environment = () => ({
    DATABASE: database,
    ISSUER: issuer,
    CLIENT_ID: "app",
    CLIENT_SECRET: secret,
    API_URL: apiUrl,
    PORT: "0",
    ALLOW_HTTP: "1",
  });

  const control = async <T>(path: string) => (await (await fetch(`${issuer}/control/${path}`)).json()) as T;

  async function login(name: string): Promise<string> {
    const answer = await control<Record<string, string>>(`login?user=${name}&client=app`);
    const store = new SqliteTokenStore(database);
    const { access_token: accessToken, refresh_token: refreshToken } = answer;
    const user = { userSignature: { name }, clientId: "app" };
    await store.saveToken({ ...user, accessToken, refreshToken, expiresAt: Date.now() - 1 });
    await store.close();
    return accessToken!;
  }

  async function start(program: string) {
    const child = spawn(process.execPath, [programOf(program)], {
      env: { ...process.env, ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const ended = once(child, "exit");
    return {
      url: `http://127.0.0.1:${line.match(/port (\d+)/)?.[1]}`,
      stop: async () => {
        child.kill("SIGTERM");
        expect((await ended)[0]).toBe(0);
      },
    };
  }

  async function run(program: string, ...given: string[]): Promise<string> {
    const child = spawn(process.execPath, [programOf(program), ...given], {
      env: { ...process.env, ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (data) => {
      output += String(data);
    });
    await once(child, "exit");
    return output;
  }

  it.each(["express.mjs", "fastify.mjs"])("%s answers each request as its user", async (program) => {
    const old = { ann: await login("ann"), bob: await login("bob") };
    const { url, stop } = await start(program);
    const ask = (user: string) => fetch(`${url}/me`, { headers: { "x-user": user }, redirect: "manual" });
    const before = (await control<{ ok: number }>("counts")).ok;
    const users = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? "ann" : "bob"));
    const answers = await Promise.all(users.map(async (user) => (await ask(user)).text()));
    expect(new Set(answers).size).toBe(2);
    expect(answers).not.toContain(`Bearer ${old.ann}`);
    expect((await control<{ ok: number }>("counts")).ok - before).toBe(2);
    const stranger = await ask("carol");
    expect([stranger.status, stranger.headers.get("location")]).toEqual([302, "/login"]);
    await stop();
  });

  it("nextjs/app/api/me/route.mjs and nextjs/lib/tokens.mjs do, too", async () => {
    await login("ann");
    Object.assign(process.env, environment());
    const { GET } = (await import(programOf("nextjs/app/api/me/route.mjs"))) as {
      GET: (request: Request) => Promise<Response>;
    };
    const { tokens } = (await import(programOf("nextjs/lib/tokens.mjs"))) as {
      tokens: { close(): Promise<void> };
    };
    const ask = (user: string) =>
      GET(new Request("http://app.example.com/api/me", { headers: { "x-user": user } }));
    expect(await (await ask("ann")).text()).toMatch(/^Bearer /);
    const stranger = await ask("carol");
    expect([stranger.status, stranger.headers.get("location")]).toEqual([
      302,
      "http://app.example.com/login",
    ]);
    await tokens.close();
  });

  it("openid-client.mjs logs in, hands out tokens, and logs out", async () => {
    const { url, stop } = await start("openid-client.mjs");
    const begun = await fetch(`${url}/login`, { redirect: "manual" });
    const authorization = new URL(begun.headers.get("location")!);
    const state = authorization.searchParams.get("state")!;
    const challenge = authorization.searchParams.get("code_challenge")!;
    // in place of the browser: ann consents
    const code = await control<{ code: string }>(
      `code?user=ann&client=app&challenge=${challenge}&redirect=${encodeURIComponent(`${url}/callback`)}`,
    );
    const callback = `${url}/callback?code=${code.code}&state=${state}&iss=${encodeURIComponent(issuer)}`;
    expect(await (await fetch(callback)).text()).toBe("logged in as ann");
    expect(await (await fetch(`${url}/me?user=ann`)).text()).toContain("openid");
    expect(await (await fetch(`${url}/logout?user=ann`)).text()).toBe("logged out");
    expect((await fetch(`${url}/me?user=ann`)).status).toBe(401);
    await stop();
  });

  it("rotating-provider.mjs rotates, in several processes at once, and says who has to log in", async () => {
    await login("ann");
    const outputs = await Promise.all(
      Array.from({ length: 3 }, () => run("rotating-provider.mjs", database, "ann")),
    );
    expect(new Set(outputs).size).toBe(1);
    expect(outputs[0]).toMatch(/^valid until .*, revision 3\n$/);
    const store = new SqliteTokenStore(database);
    await store.saveToken({
      userSignature: { name: "ann" },
      clientId: "app",
      refreshToken: "not one",
      expiresAt: 1,
    });
    await store.close();
    const failed = await run("rotating-provider.mjs", database, "ann");
    expect(failed).toBe("ann has to log in: invalid_grant\nERR_LOGIN_REQUIRED, login-required\n");
  });
});
