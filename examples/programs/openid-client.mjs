// Login with openid-client, everything after it with TokenManager: `node openid-client.mjs`.
import { createServer } from "node:http";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import * as client from "openid-client";

const { DATABASE, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT, ALLOW_HTTP } = process.env;

const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  CLIENT_SECRET,
  client.ClientSecretBasic(CLIENT_SECRET),
  { execute: ALLOW_HTTP ? [client.allowInsecureRequests] : [] },
);
const store = new SqliteTokenStore(DATABASE);
const provider = oauth2Provider({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
const tokens = new TokenManager(store, provider);

const logins = new Map(); // by state; keep it in your session

const server = createServer(async (request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${server.address().port}`);
  const redirectUri = new URL("/callback", url).href;
  try {
    if (url.pathname === "/login") {
      const verifier = client.randomPKCECodeVerifier();
      const state = client.randomState();
      logins.set(state, verifier);
      const to = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: "openid offline_access",
        prompt: "consent",
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        state,
      });
      return response.writeHead(302, { location: to.href }).end();
    }
    if (url.pathname === "/callback") {
      const state = url.searchParams.get("state");
      const requestedAt = Date.now();
      const answer = await client.authorizationCodeGrant(config, url, {
        pkceCodeVerifier: logins.get(state),
        expectedState: state,
        idTokenExpected: true,
      });
      logins.delete(state);
      const user = { userSignature: { name: answer.claims().sub } };
      await tokens.saveResponse(user, answer, { requestedAt });
      return response.end(`logged in as ${answer.claims().sub}`);
    }
    const user = { userSignature: { name: url.searchParams.get("user") } };
    if (url.pathname === "/logout") {
      await tokens.revoke(user);
      return response.end("logged out");
    }
    const { scope } = await tokens.getToken(user); // refreshed if need be
    response.end(`may ${scope}`);
  } catch (error) {
    response.writeHead(error.code === "ERR_LOGIN_REQUIRED" ? 401 : 500).end(error.code ?? error.name);
  }
});
server.listen(Number(PORT ?? 3000), "127.0.0.1", () => console.log(`port ${server.address().port}`));

process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await tokens.close();
  await store.close();
});
