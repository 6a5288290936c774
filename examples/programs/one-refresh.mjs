// One refresh for all processes: `node one-refresh.mjs <database> <id of a token> <token endpoint>`.
import { isTokenStoreError } from "@tokenkeep/core";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const [database, id, tokenEndpoint] = process.argv.slice(2);
const store = new SqliteTokenStore(database);

/** An access token that is good for another minute at least. */
async function accessToken() {
  const stored = await store.findTokenById(id);
  if (isFresh(stored)) return stored.accessToken; // the usual case: no lock, one read
  const fresh = await store.withLock(`refresh ${id}`, async (lease) => {
    // somebody else may have refreshed it while we stood in line
    const token = await store.findTokenById(id);
    return isFresh(token) ? token : refresh(token, lease.signal);
  });
  return fresh.accessToken;
}

function isFresh(token) {
  if (token === null) throw new Error(`There is no token ${id}. Log in first.`);
  return token.accessToken !== null && token.expiresAt > Date.now() + 60_000;
}

async function refresh(token, signal) {
  const response = await fetch(tokenEndpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      client_id: token.clientId,
      client_secret: token.clientSecret,
      refresh_token: token.refreshToken,
    }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
  });
  const answer = await response.json();
  if (answer.access_token === undefined) throw new Error(`No refresh: ${answer.error ?? response.status}`);
  const news = {
    id,
    accessToken: answer.access_token,
    expiresAt: Date.now() + answer.expires_in * 1000,
    refreshToken: answer.refresh_token, // not given by every server: then the stored one stays
  };
  try {
    return await store.saveToken(news, { ifRevision: token.revision });
  } catch (error) {
    // We lost the lock without noticing, and somebody has saved since: theirs is the newer one.
    if (isTokenStoreError(error) && error.code === "ERR_CONFLICT") return store.findTokenById(id);
    throw error;
  }
}

// ten callers in this process, and whatever number in others
const tokens = await Promise.all(Array.from({ length: 10 }, accessToken));
console.log(`${tokens.length} callers, ${new Set(tokens).size} access token`);
await store.close();
