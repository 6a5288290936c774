import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { onTestFinished } from "vitest";
import {
  type OAuth2ProviderOptions,
  oauth2Provider,
  type Rotation,
  TokenManager,
  type TokenManagerOptions,
} from "../../src/index.js";
import { OddProvider } from "./odd-provider.js";

export const ANN = { userSignature: { name: "ann@example.com" }, clientId: "app" };
export const BOB = { userSignature: { name: "bob@example.com" }, clientId: "app" };

/** A provider for one test. */
export async function startProvider(rotation: Rotation = "strict"): Promise<OddProvider> {
  const server = await OddProvider.start();
  server.rotation = rotation;
  onTestFinished(() => server.stop());
  return server;
}

/** A directory for one test. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-oauth2-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The stores that single-process tests run on. */
export const STORES: Readonly<Record<string, () => Promise<TokenStore>>> = {
  memory: async () => closedAtEnd(new MemoryTokenStore()),
  sqlite: async () => closedAtEnd(new SqliteTokenStore(join(await makeDirectory(), "tokens.db"))),
  "a third party's store": async () => closedAtEnd(contractOnly(new MemoryTokenStore())),
};

/** Nothing but what the contract has: no class of ours, no symbol. */
function contractOnly(store: TokenStore): TokenStore {
  return {
    capabilities: { ...store.capabilities },
    findToken: (query) => store.findToken(query),
    findTokenById: (id) => store.findTokenById(id),
    saveToken: (token, options) => store.saveToken(token, options),
    importToken: (token) => store.importToken(token),
    deleteToken: (id, options) => store.deleteToken(id, options),
    deleteTokens: () => store.deleteTokens(),
    getTokens: () => store.getTokens(),
    tokens: () => store.tokens(),
    withLock: (key, work, options) => store.withLock(key, work, options),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

export function closedAtEnd(store: TokenStore): TokenStore {
  onTestFinished(() => store.close());
  return store;
}

/** A manager for the test's provider. */
export function manage(
  store: TokenStore,
  server: OddProvider,
  options: TokenManagerOptions & { provider?: Partial<OAuth2ProviderOptions> } = {},
): TokenManager {
  const { provider, ...rest } = options;
  const tokens = new TokenManager(
    store,
    oauth2Provider({
      tokenEndpoint: server.tokenEndpoint,
      revocationEndpoint: `${server.url}/revoke`,
      clientId: "app",
      clientSecret: server.secret,
      rotation: server.rotation,
      ...provider,
    }),
    { origins: [server.url], ...rest },
  );
  onTestFinished(() => tokens.close());
  return tokens;
}

/** A user whose access token ends in so many milliseconds; by default it has ended. */
export async function loggedIn(
  store: TokenStore,
  server: OddProvider,
  user: { userSignature: { name: string }; clientId: string } = ANN,
  endsInMs: number | null = -1000,
): Promise<OAuthToken> {
  const { access_token, refresh_token } = server.login(user.userSignature.name);
  return store.saveToken({
    ...user,
    accessToken: access_token as string,
    refreshToken: refresh_token as string,
    ...(endsInMs === null ? {} : { expiresAt: Date.now() + endsInMs }),
  });
}

/** Counts a store's calls. */
export function counted(store: TokenStore): { store: TokenStore; calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const proxy = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        calls[String(name)] = (calls[String(name)] ?? 0) + 1;
        return value.apply(target, given);
      };
    },
  });
  return { store: proxy, calls };
}

/** A promise's error. */
export async function errorOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; retryable?: boolean }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("There was no error.");
}
