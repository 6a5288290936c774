// lib/tokens: one store and one manager per process. In development Next.js loads modules again after each change, and
// globalThis keeps what there is.
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const { DATABASE, ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL } = process.env;

function open() {
  const store = new SqliteTokenStore(DATABASE);
  const provider = oauth2Provider({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
  return new TokenManager(store, provider, { origins: [API_URL] });
}

globalThis.tokens ??= open();
export const tokens = globalThis.tokens;
