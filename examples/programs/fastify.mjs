// A Fastify app that calls an API as the user of each request: `node fastify.mjs`.
import { isTokenStoreError } from "@tokenkeep/core";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Fastify from "fastify";

const { DATABASE, ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL, PORT } = process.env;

const app = Fastify();

// one store and one manager per process
const store = new SqliteTokenStore(DATABASE);
const provider = oauth2Provider({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
app.decorate("tokens", new TokenManager(store, provider, { origins: [API_URL] }));
app.addHook("onClose", async () => {
  await app.tokens.close();
  await store.close();
});

app.get("/me", async (request, reply) => {
  // who asks is for your session to say; here it is a header
  const user = { userSignature: { name: request.headers["x-user"] ?? "" } };
  const answer = await app.tokens.fetch(user)(`${API_URL}/me`);
  reply.code(answer.status);
  return answer.text();
});

app.setErrorHandler((error, _request, reply) => {
  if (!isTokenStoreError(error)) return reply.send(error);
  if (error.code === "ERR_LOGIN_REQUIRED") return reply.redirect("/login");
  return reply.code(error.retryable ? 503 : 500).send(error.code);
});

const address = await app.listen({ port: Number(PORT ?? 3000), host: "127.0.0.1" });
console.log(`port ${new URL(address).port}`);
process.once("SIGTERM", () => app.close());
