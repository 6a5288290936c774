// A provider that rotates refresh tokens: `node rotating-provider.mjs <database> <user>`.
import { oauth2Provider, refreshStateOf, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const [database, name] = process.argv.slice(2);

const store = new SqliteTokenStore(database);
const provider = oauth2Provider({
  issuer: ISSUER,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  rotation: "strict", // or { reuseWithinMs: 30_000 }, if the provider has a grace period
});
const tokens = new TokenManager(store, provider, {
  onLoginRequired: (token, error) =>
    console.log(`${token.userSignature.name} has to log in: ${error.cause.error}`),
  onRecovered: (token) => console.log(`${token.userSignature.name} is back`),
});

try {
  const token = await tokens.getToken({ userSignature: { name } });
  console.log(`valid until ${new Date(token.expiresAt).toISOString()}, revision ${token.revision}`);
} catch (error) {
  // ERR_LOGIN_REQUIRED: send the user to the login. ERR_PROVIDER: retryable says whether to try again later.
  const state = refreshStateOf(await store.findToken({ userSignature: { name }, clientId: CLIENT_ID }));
  console.log(`${error.code}, ${state?.status}`);
}
await tokens.close();
await store.close();
