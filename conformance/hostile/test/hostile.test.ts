// Whatever a program passes in: a public function never fails with an untyped error, never hangs, and a call that was
// refused has changed nothing. A nightly run makes a million calls: TOKENKEEP_HOSTILE_CASES=1000000. Its input is new
// each time; that of the usual run is always the same, so that what fails there is due to a change, not to chance.
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as kit from "@tokenkeep/conformance";
import * as core from "@tokenkeep/core";
import * as backend from "@tokenkeep/core/backend";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import * as oauth2 from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import * as zoho from "@tokenkeep/zoho-crm";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { TEXT_PROPERTIES } from "../../dist/samples.js";

/** How many calls there are in all. */
const CASES = Number(process.env.TOKENKEEP_HOSTILE_CASES ?? 4000);
const SEED = process.env.TOKENKEEP_HOSTILE_CASES === undefined ? { seed: 20 } : {};
/** A call that takes longer hangs. Nothing here waits for anything. */
const HANGS_MS = 10_000;

const hostileText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "\0",
    "\ud800",
    "x".repeat(70_000),
    "__proto__",
    "***",
    "../../x",
    "' OR 1=1 --",
    "{}",
    "é",
  ),
);

/** A call that is given this one may reject with its reason, as a program expects of a signal. */
const aborted = AbortSignal.abort();

class Odd {
  get token(): never {
    throw new Error("a getter that throws");
  }
}

const anything = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
  },
  { weight: 2, arbitrary: hostileText },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      undefined,
      null,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0,
      2 ** 53,
      Symbol("s"),
      () => {},
      new Odd(),
      [],
      new Error("e"),
      Promise.resolve(1),
      aborted,
      new Proxy({}, {}),
    ),
  },
);

const NAMES = ["id", ...TEXT_PROPERTIES];
const plausible = fc.constantFrom("a", "b", "c");

/** A token of which most is right, so that it gets past the first checks. */
const token = fc.oneof(
  { weight: 1, arbitrary: anything },
  {
    weight: 4,
    arbitrary: fc.dictionary(
      fc.oneof(
        fc.constantFrom(
          ...NAMES,
          "userSignature",
          "expiresAt",
          "refreshTokenExpiresAt",
          "revision",
          "createdAt",
          "savedAt",
          "metadata",
          "refreshState",
        ),
        hostileText,
      ),
      fc.oneof(
        { weight: 4, arbitrary: plausible },
        { weight: 1, arbitrary: fc.nat() },
        { weight: 1, arbitrary: fc.constant({ name: "a" }) },
        { weight: 1, arbitrary: anything },
      ),
      { maxKeys: 5 },
    ),
  },
);
const id = fc.oneof(plausible, anything);
const options = (...names: string[]) =>
  fc.oneof(
    fc.constant(undefined),
    anything,
    fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.nat(3), anything), { maxKeys: 3 }),
  );

/** A function, what it is called with, and what else may be thrown. */
interface Target {
  readonly name: string;
  readonly args: readonly fc.Arbitrary<unknown>[];
  readonly call: (...args: never[]) => unknown;
  /** A check of what did not change; called before and after. */
  readonly content?: () => Promise<unknown>;
  readonly allows?: (error: Error) => boolean;
}

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

for (const [name, store] of [
  ["MemoryTokenStore", new MemoryTokenStore()],
  ["FileTokenStore", new FileTokenStore({ path: join(folder, "tokens.jsonl"), timeoutMs: 5000 })],
  ["SqliteTokenStore", new SqliteTokenStore({ path: join(folder, "tokens.db"), timeoutMs: 5000 })],
] as const) {
  endings.push(() => store.close());
  const content = async () => JSON.stringify((await store.getTokens()).map((one) => one.toPlain()));
  const of = (method: string, args: readonly fc.Arbitrary<unknown>[], call: (...args: never[]) => unknown) =>
    target(`${name}.${method}`, args, call, { content });
  of("findToken", [token], (query) => store.findToken(query));
  of("findTokenById", [id], (value) => store.findTokenById(value));
  of("saveToken", [token, options("ifRevision")], (given, more) => store.saveToken(given, more));
  const copied = await store.saveToken({ id: "copied", grantToken: "copied" });
  of("saveToken of a copy", [token], (changes: never) => store.saveToken(copied.with(changes)));
  of("importToken", [token], (given) => store.importToken(given));
  of("deleteToken", [id, options("ifRevision")], (value, more) => store.deleteToken(value, more));
  of(
    "withLock",
    [
      id,
      fc.oneof(
        fc.constant(() => 1),
        anything.filter((one) => typeof one !== "function"),
      ),
      options("timeoutMs", "signal", "maxHoldMs"),
    ],
    (key, work, more) => store.withLock(key, work, more),
  );
}

const open = async (store: core.TokenStore): Promise<void> => {
  await store.close();
};
const STORE_OPTIONS = options("namespace", "timeoutMs", "leaseMs", "encryption");
target("new MemoryTokenStore", [STORE_OPTIONS], (more) => open(new MemoryTokenStore(more)));
target(
  "new FileTokenStore",
  [options("path", "namespace", "timeoutMs", "encryption", "allowOthers", "open")],
  (more) => open(new FileTokenStore(more)),
);
target(
  "new SqliteTokenStore",
  [options("path", "database", "namespace", "timeoutMs", "encryption", "open")],
  (more) => open(new SqliteTokenStore(more)),
);

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
const filled = new MemoryTokenStore();
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
const tokens = new MemoryTokenStore();
const manager = new oauth2.TokenManager(tokens, provider, { origins: ["https://api.example.com"] });
endings.push(() => manager.close());
const managed = async () => JSON.stringify((await tokens.getTokens()).map((one) => one.toPlain()));
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
const served = new MemoryTokenStore();
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
    content: async () => JSON.stringify((await served.getTokens()).map((one) => one.toPlain())),
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

const zohoTokens = new MemoryTokenStore();
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

describe("hostile input to", () => {
  afterAll(async () => {
    for (const end of endings) await end();
  });

  test.each(targets)("$name", { timeout: 120_000 + CASES }, async ({ args, call, content, allows }) => {
    const property = fc.asyncProperty(fc.tuple(...args), async (values) => {
      const before = await content?.();
      const failure = await failureOf(() => call(...(values as never[])));
      if (failure === undefined) return;
      const { error } = failure;
      const isTheCallers = error === aborted.reason;
      if (!core.isTokenStoreError(error) && !isTheCallers && !allows?.(error as Error)) {
        throw new Error(`not typed: ${error instanceof Error ? error.stack : String(error)}`);
      }
      expect(await content?.()).toEqual(before);
    });
    await fc.assert(property, { ...SEED, numRuns: Math.ceil(CASES / targets.length) });
  });
});

/** What a call threw or rejected with. */
async function failureOf(call: () => unknown): Promise<{ error: unknown } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the call hangs")), HANGS_MS);
  });
  try {
    await Promise.race([hangs, (async () => call())()]);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}
