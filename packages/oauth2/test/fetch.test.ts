import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ANN, errorOf, loggedIn, manage, STORES, startProvider } from "./support/setup.js";

async function start(endsInMs = 3_600_000) {
  const server = await startProvider();
  const store = await STORES.memory!();
  const old = await loggedIn(store, server, ANN, endsInMs);
  const tokens = manage(store, server);
  return { server, store, old, tokens, api: tokens.fetch(ANN), url: `${server.url}/api` };
}

describe("tokens.fetch", () => {
  it("sends the user's access token, and everything else as it was given", async () => {
    const { api, url, server, old } = await start();
    const response = await api(url, { method: "POST", body: "data", headers: { "x-mine": "1" } });
    expect(await response.text()).toBe("hello, you sent data");
    expect(server.apiCalls).toEqual([{ authorization: `Bearer ${old.accessToken}`, body: "data" }]);
  });

  it("takes a URL and a Request", async () => {
    const { api, url } = await start();
    expect((await api(new URL(url))).status).toBe(200);
    const request = new Request(url, { method: "POST", body: "from a request" });
    expect(await (await api(request)).text()).toBe("hello, you sent from a request");
  });

  it("refreshes an expired token first", async () => {
    const { api, url, server } = await start(-1);
    expect((await api(url)).status).toBe(200);
    expect(server.requests).toHaveLength(1);
    expect(server.apiCalls).toHaveLength(1);
  });

  it.each<[string, () => RequestInit, string]>([
    ["text", () => ({ body: "data" }), "data"],
    ["bytes", () => ({ body: Buffer.from("data") }), "data"],
    ["parameters", () => ({ body: new URLSearchParams({ a: "1" }) }), "a=1"],
    ["a blob", () => ({ body: new Blob(["data"]) }), "data"],
  ])("repeats a request with %s once, with a new token, after a 401", async (_name, init, sent) => {
    const { api, url, server, store, old } = await start();
    await store.saveToken({ id: old.id, accessToken: "access-revoked", expiresAt: Date.now() + 3_600_000 });
    const response = await api(url, { method: "POST", ...init() });
    expect(response.status).toBe(200);
    expect(server.apiCalls.map(({ body }) => body)).toEqual([sent, sent]);
    expect(server.requests).toHaveLength(1);
  });

  it("does not repeat a request whose body is a stream; the next one has the new token", async () => {
    const { api, url, server, store, old } = await start();
    await store.saveToken({ id: old.id, accessToken: "access-revoked", expiresAt: Date.now() + 3_600_000 });
    const body = Readable.toWeb(Readable.from([Buffer.from("data")])) as ReadableStream;
    const response = await api(url, { method: "POST", body, duplex: "half" } as RequestInit);
    expect(response.status).toBe(401);
    expect(server.apiCalls).toHaveLength(1);
    expect((await api(url)).status).toBe(200);
  });

  it("returns the API's 401 where it answers so to every token, and refreshes once", async () => {
    const { api, url, server } = await start();
    server.rejectsAll = true;
    for (let call = 0; call < 5; call++) {
      const response = await api(url);
      expect(response.status).toBe(401);
      expect(await response.text()).toBe("no");
    }
    expect(server.requests).toHaveLength(1);
    expect(server.apiCalls).toHaveLength(6);
  });

  it.each(["insufficient_scope", "use_dpop_nonce"])("never refreshes because of %s", async (challenge) => {
    const { api, url, server } = await start();
    expect((await api(`${url}?challenge=${challenge}`)).status).toBe(401);
    expect(server.requests).toHaveLength(0);
  });

  it("sends no token to other origins, nor over http to other machines", async () => {
    const { api, tokens, server, store, old } = await start();
    const other = await startProvider();
    for (const url of [`${other.url}/api`, "http://api.example.com/", "https://api.example.com/"]) {
      expect(await errorOf(api(url))).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    }
    expect(other.apiCalls).toHaveLength(0);
    await store.saveToken({ id: old.id, apiDomain: other.url });
    await tokens.fetch(ANN)(`${other.url}/api`);
    expect(other.apiCalls[0]?.authorization).toBe(`Bearer ${old.accessToken}`);
    expect(server.apiCalls).toHaveLength(0);
  });

  it("sends no token after a redirect to another origin, and refreshes nothing because of it", async () => {
    const { api, server, url } = await start();
    const other = await startProvider();
    const response = await api(`${url}/redirect?to=${encodeURIComponent(`${other.url}/api`)}`);
    expect(response.status).toBe(401);
    expect(other.apiCalls).toEqual([{ authorization: undefined, body: "" }]);
    expect(server.requests).toHaveLength(0);
  });

  it("rejects rather than send a request without a token", async () => {
    const { api, url, server, store, old } = await start();
    await store.deleteToken(old.id!);
    expect(await errorOf(api(url))).toMatchObject({ code: "ERR_LOGIN_REQUIRED" });
    expect(server.apiCalls).toHaveLength(0);
  });

  it("ends with its signal", async () => {
    const { api, url, server } = await start(-1);
    server.next.push({ delayMs: 1000 });
    const error = await errorOf(api(url, { signal: AbortSignal.timeout(100) }));
    expect(error.name).toBe("TimeoutError");
  });
});
