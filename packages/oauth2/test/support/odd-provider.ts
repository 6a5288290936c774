import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What the provider does with one request to its token endpoint, in place of the usual. */
export interface Step {
  readonly delayMs?: number;
  /** `before`: the connection is cut before anything is done. `after`: once the grant was used. */
  readonly cut?: "before" | "after";
  /** Answered without using the grant. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Changes the usual answer, once the grant was used. */
  readonly change?: (answer: Record<string, unknown>) => unknown;
}

interface Grant {
  readonly user: string;
  refreshToken: string;
  /** Refresh tokens that were replaced, and when. */
  readonly used: Map<string, number>;
  readonly accessTokens: Map<string, number>;
  isAlive: boolean;
}

export interface SeenRequest {
  readonly at: number;
  readonly user: string | undefined;
  readonly refreshToken: string | null;
  outcome: string;
  readonly body: URLSearchParams;
  readonly authorization: string | undefined;
}

/** One authorization server with switches, for everything that providers do in practice. */
export class OddProvider {
  rotation: "none" | "strict" | { reuseWithinMs: number } = "strict";
  lifetimeS = 3600;
  secret = "client-secret";
  /** What to do with the next requests, one each. */
  readonly next: Step[] = [];
  /** Called when a request has arrived, before it is served. */
  onRequest: (user: string | undefined) => void | Promise<void> = () => {};
  /** Called once the grant was used, before the answer is sent. */
  onUsed: (user: string) => void | Promise<void> = () => {};
  /** What to do with every request, after those. */
  always: Step | undefined;
  /** The API answers 401 to every token. */
  rejectsAll = false;
  readonly requests: SeenRequest[] = [];
  readonly apiCalls: { authorization: string | undefined; body: string }[] = [];
  readonly revoked: string[] = [];
  readonly #grants = new Map<string, Grant>();
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<OddProvider> {
    const provider = new OddProvider();
    await provider.listen();
    return provider;
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((done) => this.#server!.listen(this.#port, "127.0.0.1", done));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((done) => this.#server?.close(done));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get tokenEndpoint(): string {
    return `${this.url}/token`;
  }

  /** A user logs in: what the token endpoint answers. */
  login(user: string): Record<string, unknown> {
    const grant: Grant = {
      user,
      refreshToken: makeToken("refresh"),
      used: new Map(),
      accessTokens: new Map(),
      isAlive: true,
    };
    this.#grants.set(user, grant);
    return this.#answer(grant);
  }

  /** Whether a refresh token would still get an access token. */
  accepts(refreshToken: string | null | undefined): boolean {
    const grant = [...this.#grants.values()].find((one) => one.refreshToken === refreshToken);
    return grant?.isAlive === true;
  }

  end(user: string): void {
    this.#grants.get(user)!.isAlive = false;
  }

  requestsOf(user: string): SeenRequest[] {
    return this.requests.filter((request) => request.user === user);
  }

  #answer(grant: Grant): Record<string, unknown> {
    const accessToken = makeToken("access");
    grant.accessTokens.set(accessToken, Date.now() + this.lifetimeS * 1000);
    return {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: this.lifetimeS,
      refresh_token: grant.refreshToken,
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { pathname } = new URL(request.url ?? "/", this.url);
    if (pathname === "/token") return this.#token(request, response, new URLSearchParams(text));
    if (pathname === "/revoke") return this.#revoke(response, new URLSearchParams(text));
    if (pathname.startsWith("/api")) return this.#api(request, response, text);
    response.writeHead(404).end();
  }

  async #token(request: IncomingMessage, response: ServerResponse, body: URLSearchParams): Promise<void> {
    const refreshToken = body.get("refresh_token");
    const grant = this.#grantOf(refreshToken);
    const { authorization } = request.headers;
    const seen: SeenRequest = {
      at: performance.now(),
      user: grant?.user,
      refreshToken,
      outcome: "pending",
      body,
      authorization,
    };
    this.requests.push(seen);
    await this.onRequest(grant?.user);
    const step = this.next.shift() ?? this.always ?? {};
    if (step.delayMs !== undefined) await delay(step.delayMs);
    if (step.cut === "before") {
      seen.outcome = "cut";
      return void response.destroy();
    }
    if (step.status !== undefined) {
      seen.outcome = String(step.status);
      return send(response, step.status, step.body, step.headers);
    }
    if (!this.#knowsClient(authorization, body)) {
      seen.outcome = "invalid_client";
      return send(response, 401, { error: "invalid_client", error_description: "who are you?" });
    }
    if (body.get("grant_type") === "client_credentials") {
      seen.outcome = "ok";
      const machine = {
        access_token: makeToken("machine"),
        token_type: "Bearer",
        expires_in: this.lifetimeS,
      };
      return send(response, 200, { ...machine, scope: body.get("scope") ?? undefined });
    }
    if (grant === undefined || !this.#use(grant, refreshToken!)) {
      seen.outcome = "invalid_grant";
      return send(response, 400, { error: "invalid_grant", error_description: "not this one" });
    }
    seen.outcome = "ok";
    const answer = this.#answer(grant);
    await this.onUsed(grant.user);
    if (step.cut === "after") {
      seen.outcome = "lost";
      return void response.destroy();
    }
    send(response, 200, step.change === undefined ? answer : step.change(answer));
  }

  #grantOf(refreshToken: string | null): Grant | undefined {
    if (refreshToken === null) return undefined;
    return [...this.#grants.values()].find(
      (grant) => grant.refreshToken === refreshToken || grant.used.has(refreshToken),
    );
  }

  /** A second use of a rotated token ends the grant, as providers with reuse detection do. */
  #use(grant: Grant, refreshToken: string): boolean {
    if (!grant.isAlive) return false;
    if (this.rotation === "none") return true;
    const usedAt = grant.used.get(refreshToken);
    if (usedAt !== undefined) {
      const { rotation } = this;
      if (typeof rotation === "object" && Date.now() - usedAt <= rotation.reuseWithinMs) return true;
      grant.isAlive = false;
      return false;
    }
    grant.used.set(refreshToken, Date.now());
    grant.refreshToken = makeToken("refresh");
    return true;
  }

  #knowsClient(authorization: string | undefined, body: URLSearchParams): boolean {
    const basic = authorization?.replace(/^Basic /, "");
    const [, secret] = basic === undefined ? [] : Buffer.from(basic, "base64").toString().split(":");
    return decodeURIComponent(secret ?? body.get("client_secret") ?? "") === this.secret;
  }

  #revoke(response: ServerResponse, body: URLSearchParams): void {
    const token = body.get("token") ?? "";
    this.revoked.push(token);
    const step = this.next.shift() ?? this.always;
    if (step?.status !== undefined) {
      send(response, step.status, step.body, step.headers);
      return;
    }
    const grant = this.#grantOf(token);
    if (grant !== undefined) grant.isAlive = false;
    response.writeHead(200).end();
  }

  #api(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { authorization } = request.headers;
    this.apiCalls.push({ authorization, body });
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    if (pathname === "/api/redirect") {
      return void response.writeHead(307, { location: searchParams.get("to") ?? "/" }).end();
    }
    const challenge = searchParams.get("challenge");
    if (challenge !== null) {
      return void response.writeHead(401, { "www-authenticate": `Bearer error="${challenge}"` }).end("no");
    }
    const token = authorization?.replace(/^Bearer /, "") ?? "";
    const expiresAt = [...this.#grants.values()]
      .map((grant) => grant.accessTokens.get(token))
      .find((time) => time !== undefined);
    if (this.rejectsAll || expiresAt === undefined || expiresAt < Date.now()) {
      return void response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end("no");
    }
    response.end(`hello, you sent ${body}`);
  }
}

function makeToken(kind: string): string {
  return `${kind}-${randomBytes(16).toString("base64url")}`;
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}
