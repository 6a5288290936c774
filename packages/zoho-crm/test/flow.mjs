// One program of a user of the SDK, as a process of its own: `node flow.mjs <json>`. It runs the steps that it is
// given, with the SDK and the store that it is given, and prints what they gave.
import { once } from "node:events";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { TokenStoreError } from "@tokenkeep/core";
import { asUser, zohoTokenStore } from "@tokenkeep/zoho-crm";

const {
  sdk: sdkName,
  store: choice,
  bridge: bridgeOptions,
  url,
  login = {},
  steps,
} = JSON.parse(process.argv[2]);
const require = createRequire(import.meta.url);
const isTypescript = sdkName.startsWith("typescript");
const roles = "core/com/zoho/crm/api/roles/roles_operations.js";
const sdk = isTypescript ? require(`@zohocrm/${sdkName}`) : await import(`@zohocrm/${sdkName}`);
const rolesModule = isTypescript
  ? require(`@zohocrm/${sdkName}/dist/${roles}`)
  : await import(`@zohocrm/${sdkName}/lib/${roles}`);

const stores = await import(choice.module);
const StoreClass = Object.entries(stores).find(([name]) => name.endsWith("TokenStore"))[1];
const store = choice.options === undefined ? new StoreClass() : new StoreClass(choice.options);
const bridge = zohoTokenStore(store, sdk, bridgeOptions);

// what the SDK asks of the store
const calls = [];
for (const method of [
  "findToken",
  "findTokenById",
  "saveToken",
  "deleteToken",
  "getTokens",
  "deleteTokens",
]) {
  const call = bridge[method].bind(bridge);
  bridge[method] = (...args) => {
    calls.push(method);
    return call(...args);
  };
}

let token;

async function initialize(user) {
  const id = user.id === "the last one" ? token.getId() : user.id;
  // otherwise the SDKs go on as whoever was here before (see the README on switchUser)
  sdk.Initializer.LOCAL.clear();
  token = new sdk.OAuthToken(
    user.clientId ?? null,
    user.clientSecret ?? null,
    user.grantToken ?? null,
    user.refreshToken ?? null,
    user.redirectUrl ?? null,
    id ?? null,
    user.accessToken ?? null,
    user.user === undefined ? null : new sdk.UserSignature(user.user),
    user.findUser ?? true,
  );
  const builder = await new sdk.InitializeBuilder();
  const environment = new sdk.Environment(url, `${url}/oauth/v2/token`, url);
  await builder.environment(environment).token(token).store(bridge).resourcePath(tmpdir()).initialize();
}

async function callApi() {
  const response = await new rolesModule.RolesOperations().getRoles();
  return response.getStatusCode();
}

const run = {
  initialize: (user) => initialize(user ?? login),
  api: () => callApi(),
  atOnce: (count) => Promise.all(Array.from({ length: count }, () => callApi().catch(shown))),
  // calls at once, by turns as each of the records; gives whom each was meant for and whom it was answered as
  byTurns: ({ ids, count }) => {
    const environment = new sdk.Environment(url, `${url}/oauth/v2/token`, url);
    const calls = Array.from({ length: count }, (_, i) => {
      const id = ids[i % ids.length];
      const token = new sdk.OAuthToken(null, null, null, null, null, id, null, null);
      return asUser(sdk, { environment, token, store: bridge, resourcePath: tmpdir() }, async () => {
        const response = await new rolesModule.RolesOperations().getRoles();
        return [id, response.getObject().getRoles()[0].getDisplayLabel()];
      });
    });
    return Promise.all(calls);
  },
  // until the test says so
  wait: async () => {
    console.log("ready");
    process.stdin.resume();
    await once(process.stdin, "data");
    process.stdin.pause();
  },
  remove: () => token.remove(),
  // without what the README says of LOCAL, unless told so
  switchUser: async ({ user, clears }) => {
    if (clears) sdk.Initializer.LOCAL.clear();
    token = new sdk.OAuthToken(null, null, null, null, null, null, null, new sdk.UserSignature(user));
    const builder = await new sdk.InitializeBuilder();
    const environment = new sdk.Environment(url, `${url}/oauth/v2/token`, url);
    await builder.environment(environment).token(token).switchUser();
    await token.generateToken();
  },
  failSaves: () => {
    store.saveToken = async () => {
      throw new TokenStoreError("ERR_UNAVAILABLE", "the database is gone");
    };
  },
  revoke: (id) => token.revoke(id),
  tokenId: () => token.getId(),
  records: async () => (await store.getTokens()).map((record) => record.toPlain()),
  sdkTokens: async () =>
    (await bridge.getTokens()).map((each) => [
      each instanceof sdk.OAuthToken,
      each.getUserSignature() instanceof sdk.UserSignature,
      each.getUserSignature()?.getName(),
    ]),
  deleteAll: () => bridge.deleteTokens(),
  save: (fields) => store.saveToken(fields).then(({ id }) => id),
  expire: async () => {
    for (const { id } of await store.getTokens()) await store.saveToken({ id, expiresAt: Date.now() - 1000 });
  },
  calls: () => calls.splice(0),
  close: () => store.close(),
};

function shown(error) {
  const chain = [];
  for (let at = error; typeof at === "object" && at !== null; at = at.cause ?? undefined) {
    chain.push({ kind: at.constructor.name, name: at.name, code: at.code, message: String(at.message) });
    // the Node.js SDK gives a failed save as the message
    if (typeof at.message === "object" && at.message !== null) at = { cause: at.message };
  }
  return { error: chain };
}

const results = [];
for (const [step, argument] of steps) {
  try {
    results.push((await run[step](argument)) ?? null);
  } catch (error) {
    results.push(shown(error));
  }
}
await bridge.close();
await store.close();
console.log(JSON.stringify(results));
