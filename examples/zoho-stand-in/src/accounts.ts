import { randomBytes } from "node:crypto";

/** Somebody with an account at the stand-in. */
export interface Person {
  readonly email: string;
  /** The id of the organisation, by which the SDK names the user: `email:zgid`. */
  readonly zgid: string;
}

interface Login {
  readonly clientId: string;
  readonly person: Person;
}

/** What the token endpoint answers with: HTTP 200, also for an error, as Zoho's does. */
export type TokenAnswer = Record<string, string | number>;

/** Grant codes, refresh tokens and access tokens, and whose they are. */
export class Accounts {
  readonly #codes = new Map<string, Login>();
  readonly #refreshTokens = new Map<string, Login>();
  readonly #accessTokens = new Map<string, { login: Login; endsAt: number }>();

  /** A code that can be exchanged once, by this client. */
  issueCode(clientId: string, person: Person): string {
    const code = newToken();
    this.#codes.set(code, { clientId, person });
    return code;
  }

  /** @param lifetimeMs how long the access token lasts */
  exchange(form: FormData, lifetimeMs: number): TokenAnswer {
    const field = (name: string) => String(form.get(name) ?? "");
    const isRefresh = field("grant_type") === "refresh_token";
    const known = isRefresh ? this.#refreshTokens : this.#codes;
    const value = field(isRefresh ? "refresh_token" : "code");
    const login = known.get(value);
    if (login === undefined) return { error: "invalid_code" };
    if (login.clientId !== field("client_id")) return { error: "invalid_client" };
    const accessToken = this.#accessTokenOf(login, lifetimeMs);
    const answer = { access_token: accessToken, token_type: "Bearer", expires_in: lifetimeMs / 1000 };
    if (isRefresh) return answer;
    this.#codes.delete(value);
    return { ...answer, refresh_token: this.#refreshTokenOf(login) };
  }

  /** The tokens of a person who has logged in. */
  login(login: Login, lifetimeMs: number): { accessToken: string; refreshToken: string; expiresAt: number } {
    const expiresAt = Date.now() + lifetimeMs;
    const accessToken = this.#accessTokenOf(login, lifetimeMs);
    return { accessToken, refreshToken: this.#refreshTokenOf(login), expiresAt };
  }

  #accessTokenOf(login: Login, lifetimeMs: number): string {
    const token = newToken();
    this.#accessTokens.set(token, { login, endsAt: Date.now() + lifetimeMs });
    return token;
  }

  #refreshTokenOf(login: Login): string {
    const token = newToken();
    this.#refreshTokens.set(token, login);
    return token;
  }

  /** Revokes a refresh token, and the access tokens that it gave. */
  revoke(refreshToken: string): TokenAnswer {
    const login = this.#refreshTokens.get(refreshToken);
    if (login === undefined) return { error: "invalid_code" };
    this.#refreshTokens.delete(refreshToken);
    for (const [token, access] of this.#accessTokens) {
      if (access.login === login) this.#accessTokens.delete(token);
    }
    return { status: "success" };
  }

  /** Revokes everything that a person has, as the person can at Zoho's website. */
  revokeAll(email: string): void {
    for (const [token, { person }] of this.#refreshTokens) if (person.email === email) this.revoke(token);
  }

  /** Whose access token this is, if it is still good. */
  personOf(authorization: string | undefined): Person | undefined {
    const access = this.#accessTokens.get(authorization?.replace(/^Zoho-oauthtoken /, "") ?? "");
    return access !== undefined && access.endsAt > Date.now() ? access.login.person : undefined;
  }
}

function newToken(): string {
  return `1000.${randomBytes(16).toString("hex")}.${randomBytes(16).toString("hex")}`;
}
