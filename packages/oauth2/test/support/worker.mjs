// One process of a program that uses a TokenManager. Its settings come as an argument, its orders by IPC.
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";

const settings = JSON.parse(process.argv[2]);

if (settings.clockOffsetMs) {
  const { now } = Date;
  Date.now = () => now() + settings.clockOffsetMs;
}

const { module, name, options } = settings.store;
const { [name]: Store } = await import(module);
const store = new Store(options);
const tokens = new TokenManager(store, oauth2Provider(settings.provider), settings.manager);

const orders = {
  ready: async () => (await store.getTokens()).length,

  /** So many callers ask at once for the token of each user. */
  async get(users, callers, wanted) {
    const all = users.flatMap((user) => Array.from({ length: callers }, () => outcome(user, wanted)));
    return Promise.all(all);
  },

  /** A caller asks an API again and again. */
  async call(user, url, ms) {
    const api = tokens.fetch(user);
    const end = performance.now() + ms;
    const statuses = {};
    while (performance.now() < end) {
      const response = await api(url);
      await response.text();
      const { status } = response;
      statuses[status] = (statuses[status] ?? 0) + 1;
      await new Promise((done) => setTimeout(done, 20));
    }
    return statuses;
  },

  /** A caller asks for a token again and again. */
  async insist(user, ms) {
    const end = performance.now() + ms;
    const messages = new Set();
    while (performance.now() < end) {
      const { token, message } = await outcome(user);
      messages.add(token === undefined ? message : "ok");
      await new Promise((done) => setTimeout(done, 20));
    }
    return [...messages];
  },

  async revoke(user) {
    await tokens.revoke(user);
  },

  async close() {
    await tokens.close();
    await store.close();
  },
};

async function outcome(user, wanted) {
  const started = performance.now();
  try {
    return { token: await tokens.getAccessToken(user, wanted), ms: performance.now() - started };
  } catch (error) {
    return { code: error.code ?? error.name, message: error.message, ms: performance.now() - started };
  }
}

process.on("message", async ({ id, order, given }) => {
  try {
    process.send({ id, result: await orders[order](...given) });
  } catch (error) {
    process.send({ id, error: `${error.code}: ${error.message}` });
  }
});
process.on("disconnect", () => process.exit());
process.send({ isReady: true });
