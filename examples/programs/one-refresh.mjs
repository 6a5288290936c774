// One refresh for all processes: `node one-refresh.mjs <database> <user> <client id> <token endpoint>`.
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const [database, name, clientId, tokenEndpoint] = process.argv.slice(2);
const store = new SqliteTokenStore(database);
const provider = oauth2Provider({
  tokenEndpoint,
  clientId,
  clientSecret: process.env.CLIENT_SECRET ?? "secret",
  clientAuthentication: "client_secret_post",
  rotation: "none",
});
const tokens = new TokenManager(store, provider);

// ten callers in this process, and whatever number in others
const user = { userSignature: { name } };
const all = await Promise.all(Array.from({ length: 10 }, () => tokens.getAccessToken(user)));
console.log(`${all.length} callers, ${new Set(all).size} access token`);
await tokens.close();
await store.close();
