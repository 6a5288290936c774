// An Express app that calls an API as the user of each request: `node express.mjs`.
import { isTokenStoreError } from "@tokenkeep/core";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import express from "express";

const { DATABASE, ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL, PORT } = process.env;

// one store and one manager per process, not per request
const store = new SqliteTokenStore(DATABASE);
const provider = oauth2Provider({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
const tokens = new TokenManager(store, provider, { origins: [API_URL] });

const app = express();

app.get("/me", async (request, response) => {
  // who asks is for your session to say; here it is a header
  const user = { userSignature: { name: request.get("x-user") ?? "" } };
  const answer = await tokens.fetch(user)(`${API_URL}/me`);
  response.status(answer.status).send(await answer.text());
});

app.use((error, _request, response, next) => {
  if (!isTokenStoreError(error)) return next(error);
  if (error.code === "ERR_LOGIN_REQUIRED") return response.redirect("/login");
  response.status(error.retryable ? 503 : 500).send(error.code);
});

const server = app.listen(Number(PORT ?? 3000), () => console.log(`port ${server.address().port}`));

process.once("SIGTERM", async () => {
  await new Promise((done) => server.close(done)); // no new requests
  await tokens.close(); // refreshes under way, and answers that are not saved yet
  await store.close();
});
