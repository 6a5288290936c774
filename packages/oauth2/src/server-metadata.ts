import * as oauth from "oauth4webapi";
import { ProviderError } from "./provider-error.js";
import { connectionError, httpOptions } from "./token-request.js";

/** Where the provider is. */
export interface ServerOptions {
  /**
   * The issuer identifier (RFC 8414), a URL. Its metadata are discovered, unless `tokenEndpoint` is given too. By
   * default the origin of `tokenEndpoint`.
   */
  readonly issuer?: string | URL | undefined;
  /** The token endpoint. Without an `issuer`, nothing is discovered. */
  readonly tokenEndpoint?: string | URL | undefined;
  /** The revocation endpoint (RFC 7009). By default as discovered. */
  readonly revocationEndpoint?: string | URL | undefined;
  /** Sends the requests; by default the global `fetch`. For proxies, mutual TLS and tests. */
  readonly fetch?: typeof fetch | undefined;
}

/** What discovery found is asked again after this time, in milliseconds; endpoints do move. */
const FRESH_MS = 3_600_000;

/** How long one request for metadata may take, in milliseconds. */
const DISCOVERY_MS = 10_000;

/** The metadata of an authorization server: discovered once for all callers, or given. */
export class ServerMetadata {
  readonly issuer: string;
  readonly #options: ServerOptions;
  #known: { server: oauth.AuthorizationServer; until: number } | undefined;
  #discovery: Promise<oauth.AuthorizationServer> | undefined;

  /**
   * Checks where the provider is; nothing is sent yet.
   * @param options where it is
   * @param issuer the issuer identifier
   */
  constructor(options: ServerOptions, issuer: string) {
    this.issuer = issuer;
    this.#options = options;
    if (options.tokenEndpoint !== undefined) {
      this.#known = { server: this.#withOwn({ issuer }), until: Number.POSITIVE_INFINITY };
    }
  }

  /**
   * Gives the metadata.
   * @returns the metadata, from memory if they are known
   * @throws ProviderError where discovery failed: nothing that matters was sent
   */
  async get(): Promise<oauth.AuthorizationServer> {
    if (this.#known !== undefined && performance.now() < this.#known.until) return this.#known.server;
    this.#discovery ??= this.#discover().finally(() => {
      this.#discovery = undefined;
    });
    try {
      return await this.#discovery;
    } catch (error) {
      // metadata of an hour ago are better than none
      if (this.#known !== undefined) return this.#known.server;
      throw error;
    }
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    let problem = "";
    for (const algorithm of ["oidc", "oauth2"] as const) {
      const response = await this.#fetchMetadata(algorithm);
      try {
        const server = await oauth.processDiscoveryResponse(new URL(this.issuer), response);
        this.#known = { server: this.#withOwn(server), until: performance.now() + FRESH_MS };
        return this.#known.server;
      } catch {
        problem = `HTTP ${response.status}`;
      }
    }
    throw new ProviderError(
      `No metadata were found at ${this.issuer} (${problem}, or they name another issuer). ` +
        "Check the issuer, or give tokenEndpoint. No token was sent.",
      { sent: false },
    );
  }

  async #fetchMetadata(algorithm: "oidc" | "oauth2"): Promise<Response> {
    try {
      const http = httpOptions(this.#options.fetch, AbortSignal.timeout(DISCOVERY_MS));
      return await oauth.discoveryRequest(new URL(this.issuer), { algorithm, ...http });
    } catch (error) {
      const { message } = connectionError(error);
      throw new ProviderError(`Discovery at ${this.issuer} failed. ${message}`, { sent: false });
    }
  }

  #withOwn(server: oauth.AuthorizationServer): oauth.AuthorizationServer {
    const { tokenEndpoint, revocationEndpoint } = this.#options;
    return {
      ...server,
      ...(tokenEndpoint === undefined ? {} : { token_endpoint: String(tokenEndpoint) }),
      ...(revocationEndpoint === undefined ? {} : { revocation_endpoint: String(revocationEndpoint) }),
    };
  }
}
