// In one run, on one authorization server and one store: what happens when the access tokens of many users expire in
// several processes at once. The server is oidc-provider: it rotates refresh tokens, and a refresh token that is used
// twice logs its user out.
//
//   node scripts/compare.mjs [processes] [users] [callers per process and user]
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { OAuth2Client } from "google-auth-library";
import { AuthorizationCode } from "simple-oauth2";

const CLIENT = "post";

/** Each way is given the store and the server, and makes a function that gives a user's access token. */
const ways = {
  "plain find, refresh, save":
    (store, { tokenEndpoint, secret }) =>
    async (user) => {
      const token = await store.findToken(user);
      if (token.expiresAt > Date.now()) return token.accessToken;
      const response = await fetch(tokenEndpoint, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: token.refreshToken,
          client_id: CLIENT,
          client_secret: secret,
        }),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      await store.saveToken({
        ...user,
        accessToken: answer.access_token,
        refreshToken: answer.refresh_token,
        expiresAt: Date.now() + answer.expires_in * 1000,
      });
      return answer.access_token;
    },

  // one client per user and process, which refreshes by itself and says so in an event
  "google-auth-library": (store, { tokenEndpoint, secret }) => {
    const clients = new Map();
    const make = async (user) => {
      const token = await store.findToken(user);
      const client = new OAuth2Client({
        clientId: CLIENT,
        clientSecret: secret,
        endpoints: { oauth2TokenUrl: tokenEndpoint },
      });
      client.setCredentials({
        access_token: token.accessToken,
        refresh_token: token.refreshToken,
        expiry_date: token.expiresAt,
      });
      client.on("tokens", (answer) => {
        void store.saveToken({
          ...user,
          accessToken: answer.access_token,
          refreshToken: answer.refresh_token,
          expiresAt: answer.expiry_date,
        });
      });
      return client;
    };
    return async (user) => {
      const { name } = user.userSignature;
      if (!clients.has(name)) clients.set(name, make(user));
      const { token } = await (await clients.get(name)).getAccessToken();
      return token;
    };
  },

  "simple-oauth2": (store, { tokenEndpoint, secret }) => {
    const { origin, pathname } = new URL(tokenEndpoint);
    const client = new AuthorizationCode({
      client: { id: CLIENT, secret },
      auth: { tokenHost: origin, tokenPath: pathname },
      options: { authorizationMethod: "body" },
    });
    return async (user) => {
      const stored = await store.findToken(user);
      let accessToken = client.createToken({
        access_token: stored.accessToken,
        refresh_token: stored.refreshToken,
        expires_at: new Date(stored.expiresAt),
      });
      if (accessToken.expired()) {
        accessToken = await accessToken.refresh();
        const { token } = accessToken;
        await store.saveToken({
          ...user,
          accessToken: token.access_token,
          refreshToken: token.refresh_token,
          expiresAt: new Date(token.expires_at).getTime(),
        });
      }
      return accessToken.token.access_token;
    };
  },

  TokenManager: (store, { tokenEndpoint, secret }) => {
    const provider = oauth2Provider({
      tokenEndpoint,
      clientId: CLIENT,
      clientSecret: secret,
      clientAuthentication: "client_secret_post",
    });
    const tokens = new TokenManager(store, provider);
    return (user) => tokens.getAccessToken(user);
  },
};

if (process.send === undefined) await compare(...process.argv.slice(2).map(Number));
else process.once("message", work);

/** One process of a program: at the signal, so many callers per user ask at once. */
async function work({ way, path, server, users, callers }) {
  const store = new SqliteTokenStore(path);
  await store.getTokens();
  const getAccessToken = ways[way](store, server);
  process.send({ isReady: true });
  await once(process, "message");
  const all = users.flatMap((user) => Array.from({ length: callers }, () => user));
  const results = await Promise.allSettled(all.map((user) => getAccessToken(user)));
  await new Promise((done) => setTimeout(done, 300)); // events that save
  await store.close();
  process.send({ served: results.filter(({ status }) => status === "fulfilled").length });
  process.disconnect();
}

async function compare(processes = 4, users = 20, callers = 5) {
  const script = fileURLToPath(new URL("../test/support/oidc-server.mjs", import.meta.url));
  const child = fork(script, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const [{ issuer, secret }] = await once(child, "message");
  const control = async (path) => (await fetch(`${issuer}/control/${path}`)).json();
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-compare-"));
  const rows = [];
  for (const way of Object.keys(ways)) {
    const path = join(directory, `${rows.length}.db`);
    const store = new SqliteTokenStore(path);
    const all = Array.from({ length: users }, (_, index) => ({
      userSignature: { name: `user-${rows.length}-${index}` },
      clientId: CLIENT,
    }));
    for (const user of all) {
      const answer = await control(`login?user=${user.userSignature.name}&client=${CLIENT}`);
      await store.saveToken({
        ...user,
        accessToken: answer.access_token,
        refreshToken: answer.refresh_token,
        expiresAt: Date.now() - 1000,
      });
    }
    const before = total(await control("counts"));
    const server = { tokenEndpoint: `${issuer}/token`, secret };
    const children = Array.from({ length: processes }, () => fork(fileURLToPath(import.meta.url)));
    for (const one of children) one.send({ way, path, server, users: all, callers });
    await Promise.all(children.map((one) => once(one, "message")));
    const ends = children.map((one) => once(one, "message"));
    for (const one of children) one.send("go");
    const served = (await Promise.all(ends)).reduce((sum, [message]) => sum + message.served, 0);
    const requests = total(await control("counts")) - before;
    let loggedOut = 0;
    for (const user of all) {
      const { refreshToken } = await store.findToken(user);
      const { accepts } = await control(`accepts?token=${refreshToken}`);
      if (!accepts) loggedOut++;
    }
    await store.close();
    rows.push({ way, requests, served, loggedOut });
  }
  child.disconnect();
  await rm(directory, { recursive: true, force: true });
  const asked = processes * users * callers;
  console.log(`${processes} processes, ${users} users, ${asked} calls in all\n`);
  console.log("| way | token requests | calls that got a token | users logged out |");
  console.log("|---|---|---|---|");
  for (const row of rows) {
    console.log(`| ${row.way} | ${row.requests} | ${row.served} | ${row.loggedOut} of ${users} |`);
  }
}

function total({ ok, errors }) {
  return Object.values(errors).reduce((sum, count) => sum + count, ok);
}
