import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Accounts, type Person } from "./accounts.js";

export interface ZohoOptions {
  /** How long an access token lasts, in milliseconds; an hour by default, as with Zoho. */
  readonly lifetimeMs?: number;
  /** How long the token endpoint takes to answer, in milliseconds; 0 by default. */
  readonly latencyMs?: number;
}

export interface ZohoStandIn {
  /** Give the SDK `new Environment(url, `${url}/oauth/v2/token`, url)`. */
  readonly url: string;
  /** Every request so far, such as `grant`, `refresh`, `GET /crm/v8/org`. */
  readonly requests: string[];
  /**
   * Who asked for the roles, in order: the user whose token came with the request. The role in the answer has the same
   * person's address as its display label.
   */
  readonly served: string[];
  /** For tokens that are granted from now on, in milliseconds. */
  lifetimeMs: number;
  /** How long the token endpoint takes to answer, in milliseconds. */
  latencyMs: number;
  /** Whether the call that returns the user's name fails. */
  isUserHidden: boolean;
  /** A grant token, as the API console gives one: good for one exchange, by this client. */
  grant(clientId: string, person: Person): string;
  /** The tokens of a person who has logged in with this client, in the words of a store. */
  login(clientId: string, person: Person): { accessToken: string; refreshToken: string; expiresAt: number };
  /** Revokes all refresh tokens of a person. */
  revokeAll(email: string): void;
  stop(): Promise<void>;
}

/** Starts the stand-in on a free port of 127.0.0.1. */
export async function startZoho(options: ZohoOptions = {}): Promise<ZohoStandIn> {
  const accounts = new Accounts();
  const requests: string[] = [];
  const served: string[] = [];
  const server = createServer(async (request, response) => {
    const answer = await respond(request);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });

  // On a busy machine, a request may meet a connection that is being closed for idleness: so none is.
  server.keepAliveTimeout = 0;

  const respond = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname } = new URL(request.url ?? "/", zoho.url);
    if (request.method === "POST" && pathname === "/oauth/v2/token") {
      const form = await formOf(request);
      requests.push(form.get("grant_type") === "refresh_token" ? "refresh" : "grant");
      if (zoho.latencyMs > 0) await sleep(zoho.latencyMs);
      return { status: 200, body: accounts.exchange(form, zoho.lifetimeMs) };
    }
    if (request.method === "POST" && pathname === "/oauth/v2/token/revoke") {
      requests.push("revoke");
      return { status: 200, body: accounts.revoke(String((await formOf(request)).get("token"))) };
    }
    requests.push(`${request.method} ${pathname}`);
    const person = accounts.personOf(request.headers.authorization);
    if (person === undefined) return refuse(401, "INVALID_TOKEN", "invalid oauth token");
    switch (pathname.replace(/^\/crm\/v[678]/, "")) {
      case "/users":
        if (zoho.isUserHidden) return refuse(401, "OAUTH_SCOPE_MISMATCH", "invalid oauth scope");
        return { status: 200, body: { users: [{ id: "1", email: person.email }] } };
      case "/org":
        return { status: 200, body: { org: [{ id: "1", zgid: person.zgid }] } };
      case "/settings/roles":
        served.push(person.email);
        return { status: 200, body: { roles: [{ id: "1", name: "CEO", display_label: person.email }] } };
      default:
        return refuse(404, "INVALID_URL_PATTERN", "there is nothing here");
    }
  };

  const zoho = {
    url: "http://127.0.0.1",
    requests,
    served,
    lifetimeMs: options.lifetimeMs ?? 3_600_000,
    latencyMs: options.latencyMs ?? 0,
    isUserHidden: false,
    grant: (clientId: string, person: Person) => accounts.issueCode(clientId, person),
    login: (clientId: string, person: Person) => accounts.login({ clientId, person }, zoho.lifetimeMs),
    revokeAll: (email: string) => accounts.revokeAll(email),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  zoho.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return zoho;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

function refuse(status: number, code: string, message: string): Answer {
  return { status, body: { code, details: {}, message, status: "error" } };
}

async function formOf(request: IncomingMessage): Promise<FormData> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  return new Response(Buffer.concat(chunks), { headers }).formData();
}
