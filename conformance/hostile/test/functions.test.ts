// Every public function that needs no server.
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as kit from "@tokenkeep/conformance";
import * as core from "@tokenkeep/core";
import * as backend from "@tokenkeep/core/backend";
import * as file from "@tokenkeep/file";
import * as memory from "@tokenkeep/memory";
import * as mongo from "@tokenkeep/mongo";
import * as mysql from "@tokenkeep/mysql";
import * as oauth2 from "@tokenkeep/oauth2";
import * as postgres from "@tokenkeep/postgres";
import * as redis from "@tokenkeep/redis";
import * as sqlite from "@tokenkeep/sqlite";
import * as zoho from "@tokenkeep/zoho-crm";
import * as sdk from "@zohocrm/typescript-sdk-8.0";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { contentOf, type Target, testAll } from "./property.js";
import { anything, hostileText, id, options, token } from "./values.js";

const targets: Target[] = [];
const endings: (() => unknown)[] = [];

function target(
  name: string,
  args: readonly fc.Arbitrary<unknown>[],
  call: (...args: never[]) => unknown,
  more: Partial<Target> = {},
): void {
  targets.push({ name, args, call, ...more });
}

const folder = mkdtempSync(join(tmpdir(), "tokenkeep-hostile-"));
endings.push(() => rmSync(folder, { recursive: true }));

const open = async (store: core.TokenStore): Promise<void> => {
  await store.close();
};
const STORE_OPTIONS = options("namespace", "timeoutMs", "leaseMs", "encryption");
target("new MemoryTokenStore", [STORE_OPTIONS], (more) => open(new memory.MemoryTokenStore(more)));
target(
  "new FileTokenStore",
  [options("path", "namespace", "timeoutMs", "encryption", "allowOthers", "open")],
  (more) => open(new file.FileTokenStore(more)),
);
target(
  "new SqliteTokenStore",
  [options("path", "database", "namespace", "timeoutMs", "encryption", "open")],
  (more) => open(new sqlite.SqliteTokenStore(more)),
);

const CLIENT_OPTIONS = ["url", "client", "pool", "clientOptions", "namespace", "timeoutMs", "open"] as const;
target("new MysqlTokenStore", [options(...CLIENT_OPTIONS, "table")], (more) =>
  open(new mysql.MysqlTokenStore(more)),
);
target("new PostgresTokenStore", [options(...CLIENT_OPTIONS, "schema", "prepare")], (more) =>
  open(new postgres.PostgresTokenStore(more)),
);
target("new RedisTokenStore", [options(...CLIENT_OPTIONS, "waitReplicas")], (more) =>
  open(new redis.RedisTokenStore(more)),
);
target("new MongoTokenStore", [options(...CLIENT_OPTIONS, "db", "database", "collection")], (more) =>
  open(new mongo.MongoTokenStore(more)),
);
target("mysqlSchema", [options("table")], (more) => mysql.mysqlSchema(more));
target("postgresSchema", [options("schema")], (more) => postgres.postgresSchema(more));
target("redisKeys", [anything], (namespace) => redis.redisKeys(namespace));

target("new OAuthToken", [token], (given) => new core.OAuthToken(given));
target("OAuthToken.with", [token], (changes) => new core.OAuthToken({ accessToken: "a" }).with(changes));
target("new UserSignature", [anything], (name) => new core.UserSignature(name));
target("isTokenStoreError", [anything], (error) => core.isTokenStoreError(error));
target("generateKey", [anything], (value) => core.generateKey(value));
target("parseKeys", [anything], (value) => core.parseKeys(value));
target("keysFromEnvironment", [anything], (value) => core.keysFromEnvironment(value));
target("keysFromFile", [hostileText.map((text) => join(folder, "missing", text))], (path) =>
  core.keysFromFile(path),
);
const filled = new memory.MemoryTokenStore();
await filled.saveToken({ refreshToken: "r" });
target("pruneTokens of no store", [anything], (store) => core.pruneTokens(store, { idleMs: 1 }));
for (const name of ["keysInUse", "pruneTokens", "rekey", "verify"] as const) {
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: this is no bundle
  const call = core[name] as (...args: unknown[]) => unknown;
  target(name, [anything, anything], (store, more) => call(store, more));
  target(
    `${name} of a store`,
    [options("idleMs", "expired", "dryRun", "signal", "onProgress", "onPrune", "to")],
    (more) => call(filled, more),
  );
}

target("decodeRecord", [hostileText, hostileText], (text, where) => backend.decodeRecord(text, where));
target("checkMs", [hostileText, anything], (name, value) => backend.checkMs(name, value));
target("checkOptionNames", [hostileText, anything, fc.constant(["a"])], (what, more, names) =>
  backend.checkOptionNames(what, more, names),
);
target("checkStoreOptions", [STORE_OPTIONS], (more) => backend.checkStoreOptions(more, []));
target("redact", [anything, fc.array(fc.string())], (error, secrets) => backend.redact(error, secrets));
target("codeOf", [anything], (error) => backend.codeOf(error));

const provider = { refresh: () => Promise.reject(new Error("not sent")), rotation: "none" } as const;
const tokens = new memory.MemoryTokenStore();
const manager = new oauth2.TokenManager(tokens, provider, { origins: ["https://api.example.com"] });
endings.push(() => manager.close());
const managed = contentOf(tokens);
target("new TokenManager", [anything, anything, anything], (...args: unknown[]) =>
  Reflect.construct(oauth2.TokenManager, args),
);
target(
  "new TokenManager, options",
  [options("origins", "minValidityMs", "timeoutMs", "pendingMs", "onLoginRequired")],
  (more) => new oauth2.TokenManager(tokens, provider, more),
);
target("getAccessToken", [token], (user) => manager.getAccessToken(user), { content: managed });
target(
  "getToken",
  [token, options("minValidityMs", "rejected", "signal")],
  (user, more) => manager.getToken(user, more),
  { content: managed },
);
target(
  "saveResponse",
  [token, token, options("requestedAt")],
  (user, response, more) => manager.saveResponse(user, response, more),
  { content: managed },
);
target("revoke", [token], (user) => manager.revoke(user), { content: managed });
target("keepAlive", [options("idleMs", "signal")], (more) => manager.keepAlive(more), { content: managed });
target("fetch", [token], (user) => void manager.fetch(user), { content: managed });

// A fetch in place of the global one: the API is not there. No token may go anywhere else.
const API = "https://api.example.com";
const api: typeof fetch = async (input, init) => {
  const { origin } = new URL(input instanceof Request ? input.url : String(input));
  if (origin !== API) throw new Error(`a token was sent to ${origin}`);
  new Request(input, init); // which throws what the global one would
  return new Response(null, { status: new Headers(init?.headers).has("x-refused") ? 401 : 200 });
};
const served = new memory.MemoryTokenStore();
await served.saveToken({ id: "a", userSignature: { name: "a" }, clientId: "app", accessToken: "t" });
const caller = new oauth2.TokenManager(
  served,
  { ...provider, clientId: "app" },
  { origins: [API], fetch: api },
);
endings.push(() => caller.close());
/** A URL that is another one when it is asked again. */
const changeable = () => {
  const urls = [`${API}/`];
  return { toString: () => urls.pop() ?? "https://evil.example.com/" };
};
const request = fc.oneof(
  fc.constantFrom(`${API}/x`, "HTTPS://API.example.com:443", "http://api.example.com/", "//evil.example.com"),
  fc.constantFrom(
    "https://api.example.com@evil.example.com/",
    "https://api.example.com.evil.example/",
    "data:,x",
  ),
  fc.constantFrom(`${API}\\@evil.example.com`, "https:api.example.com", " https://api.example.com\n"),
  fc.constantFrom("/x", "https://evil.example.com/").map((path) => new URL(path, API)),
  fc.constantFrom(API, "https://evil.example.com/").map((url) => new Request(url)),
  fc.constant(null).map(changeable),
  anything,
);
const HEADERS = fc.oneof(fc.constantFrom({ "x-refused": "1" }, { authorization: "mine" }), anything);
target(
  "fetch of a user",
  [
    request,
    fc.oneof(
      anything,
      fc.record(
        {
          headers: HEADERS,
          body: anything,
          method: fc.oneof(fc.constantFrom("POST", "TRACE"), anything),
          signal: anything,
          redirect: anything,
        },
        { requiredKeys: [] },
      ),
    ),
  ],
  (input, init) => caller.fetch({ id: "a" })(input, init),
  {
    content: contentOf(served),
    // It fails as the global fetch does.
    allows: (error) => error instanceof TypeError || error instanceof DOMException,
  },
);
const PROVIDER_OPTIONS = options(
  "issuer",
  "tokenEndpoint",
  "revocationEndpoint",
  "clientId",
  "clientSecret",
  "rotation",
  "timeoutMs",
  "scope",
);
target("oauth2Provider", [PROVIDER_OPTIONS], (more) => oauth2.oauth2Provider(more));
target("clientCredentials", [PROVIDER_OPTIONS], (more) => oauth2.clientCredentials(more));
target("classifyError", [anything], (error) => oauth2.classifyError(error));
target("conformResponse", [token], (response) => oauth2.conformResponse(response), {
  allows: (error) => error.name === "ProviderError",
});
target("refreshStateOf", [token], (given) => oauth2.refreshStateOf(given));
target("new ProviderError", [hostileText, fc.dictionary(hostileText, anything)], (...args: unknown[]) =>
  Reflect.construct(oauth2.ProviderError, args),
);

const zohoTokens = new memory.MemoryTokenStore();
target("asUser", [anything, anything, fc.constant(() => 1)], (sdk, settings, work) =>
  zoho.asUser(sdk, settings, work),
);
target("fromZohoFile", [fc.oneof(hostileText, anything)], async (text) => zoho.fromZohoFile(text));
target("fromZohoTable", [fc.oneof(fc.array(token), anything)], async (rows) => zoho.fromZohoTable(rows));
target("fromZohoMysql", [anything, anything], async (connection, more) =>
  (zoho.fromZohoMysql as (...args: unknown[]) => unknown)(connection, more),
);
target("fromZohoSqlite", [anything, anything], async (database, more) =>
  (zoho.fromZohoSqlite as (...args: unknown[]) => unknown)(database, more),
);
target("importTokens", [anything, anything], (store, rows) => zoho.importTokens(store, rows));
target("importTokens to a store", [anything, options("clientId", "dryRun")], (rows, more) =>
  zoho.importTokens(zohoTokens, rows, more),
);
target(
  "zohoProvider",
  [options("dataCenter", "tokenEndpoint", "clientId", "clientSecret", "timeoutMs")],
  (more) => zoho.zohoProvider(more),
);
target("zohoTokenStore", [anything, anything, anything], (...args: unknown[]) =>
  (zoho.zohoTokenStore as (...args: unknown[]) => unknown)(...args),
);

const sdkTokens = new memory.MemoryTokenStore();
const bridge = zoho.zohoTokenStore(sdkTokens, sdk);
const sdkContent = contentOf(sdkTokens);
// The SDK's classes let anything through their setters.
const sdkToken = fc.array(fc.oneof(fc.constant(null), id), { minLength: 8, maxLength: 8 }).map((values) => {
  const [client, secret, grant, refresh, redirect, ownId, access, user] = values as (string | null)[];
  const made = new sdk.OAuthToken(null, null, null, null, null, null, null, null);
  made.setClientId(client!);
  made.setClientSecret(secret!);
  made.setGrantToken(grant!);
  made.setRefreshToken(refresh!);
  made.setRedirectURL(redirect!);
  made.setId(ownId!);
  made.setAccessToken(access!);
  if (user !== null)
    made.setUserSignature(Object.create(sdk.UserSignature.prototype, { name: { value: user } }));
  return made;
});
for (const method of ["findToken", "saveToken"] as const) {
  target(`the SDK's ${method}`, [sdkToken], (given) => bridge[method](given), { content: sdkContent });
}
for (const method of ["findTokenById", "deleteToken"] as const) {
  target(`the SDK's ${method}`, [id], (given) => bridge[method](given), { content: sdkContent });
}

const isKitError = (error: Error): boolean => error.name === "ModuleError";
target("select", [fc.oneof(fc.array(hostileText), anything)], (only) => kit.select(only), {
  allows: isKitError,
});
target("runConformance", [fc.oneof(hostileText, anything)], (url) => kit.runConformance(url), {
  allows: isKitError,
});
// The options are refused or taken before a case would run: there is none of this number.
const MEMORY = new URL("../../../packages/memory/test/store.mjs", import.meta.url);
const isList = (only: unknown) => Array.isArray(only) && only.every((each) => typeof each === "string");
const runOptions = options("only", "seed", "rounds", "onProgress").map((more) => {
  if (typeof more !== "object" || more === null || Array.isArray(more)) return more;
  const { only } = more as { only?: unknown };
  return { ...more, only: only === undefined || isList(only) ? ["99.9"] : only };
});
const runner = { describe: (_name: string, register: () => void) => register(), it: () => {} };
target(
  "runConformance of a store",
  [runOptions.filter((more) => more !== undefined)],
  (more) => kit.runConformance(MEMORY, more),
  { allows: isKitError },
);
// Never for a time that can be, so that no process is started.
const historyOptions = options("durationMs", "processes", "seed", "signal", "onProgress").map((more) =>
  Number.isFinite(Object(more).durationMs) ? { ...Object(more), durationMs: -1 } : more,
);
target("runHistories", [historyOptions], (more) => kit.runHistories(MEMORY, more), { allows: isKitError });
target(
  "registerConformance",
  [fc.oneof(hostileText, anything), fc.oneof(fc.constant(runner), anything)],
  (url, by) => kit.registerConformance(url, by),
  { allows: isKitError },
);
target(
  "registerConformance of a store",
  [runOptions],
  (more) => kit.registerConformance(MEMORY, runner, more),
  {
    allows: isKitError,
  },
);
target(
  "encrypted",
  [
    fc.oneof(
      anything,
      fc.dictionary(fc.constantFrom("name", "open", "client", "destroy", "disruptions"), anything),
    ),
    fc.oneof(anything, options("rekeyedBy")),
  ],
  (module, more) => kit.encrypted(module, more),
  { allows: isKitError },
);
// Its ports are closed or none at all, so that nothing is reached.
const ports = fc.constantFrom<unknown>(
  0,
  1,
  -1,
  1.5,
  Number.NaN,
  65_536,
  () => 1,
  () => "1",
  () => {
    throw new Error("no port");
  },
);
target(
  "startProxy",
  [
    fc.oneof(fc.constant("127.0.0.1"), anything),
    fc.oneof(
      ports,
      anything.filter((port) => typeof port !== "number"),
    ),
  ],
  async (host: string, port: never) => {
    const proxy = await kit.startProxy(host, port);
    if (host === "127.0.0.1") {
      const client = connect(proxy.port, "127.0.0.1").on("error", () => {});
      await new Promise((resolve) => client.on("close", resolve));
    }
    await proxy.close();
  },
  { allows: isKitError },
);

/** What takes only what one of our functions has returned. */
const OF_OURS = ["TokenStoreError", "hasProblems", "textOfHistories"];

test("every public function has hostile input", () => {
  const packages = { core, file, kit, memory, mongo, mysql, oauth2, postgres, redis, sqlite, zoho };
  const functions = Object.values(packages).flatMap((each) =>
    Object.entries(each).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
  );
  const called = targets.map(({ name }) => /^(?:new )?(\w+)/.exec(name)?.[1]);
  const missing = functions.filter((name) => !called.includes(name) && !OF_OURS.includes(name));
  expect(missing).toEqual([]);
});

describe("hostile input to", () => {
  afterAll(async () => {
    for (const end of endings) await end();
  });
  testAll(targets, 0.5);
});
