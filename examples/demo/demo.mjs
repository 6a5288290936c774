// Shows Zoho's own SDK with its tokens in SQLite. `pnpm demo` builds the packages and runs it.
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { startZoho } from "@tokenkeep/zoho-stand-in";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = resolve(here, "../..");
const directory = resolve(process.env.TOKENKEEP_DEMO_DIRECTORY ?? join(root, "demo"));
const database = join(directory, "tokens.db");
const shown = relative(root, database);

/** What the requests that the stand-in saw are for. */
const MEANINGS = {
  grant: "POST /oauth/v2/token        grant token → access token and refresh token",
  refresh: "POST /oauth/v2/token        refresh token → new access token",
  "GET /crm/v8/users": "GET /crm/v8/users           who is the user?",
  "GET /crm/v8/org": "GET /crm/v8/org             of which organisation?",
  "GET /crm/v8/settings/roles": "GET /crm/v8/settings/roles  an API call of the program",
};
const ANN = "ann@example.com";
const BOB = "bob@example.com";

await mkdir(directory, { recursive: true });
for (const end of ["", "-wal", "-shm"]) await rm(database + end, { force: true });
// a token endpoint that takes a moment, so that calls do meet at it
const zoho = await startZoho({ latencyMs: 300 });
try {
  await show();
} finally {
  await zoho.stop();
}

async function show() {
  say(
    "",
    "Zoho's official CRM SDK for TypeScript, with its tokens in SQLite.",
    `A stand-in on this machine plays Zoho's servers (${zoho.url}): no account is needed, and nothing leaves.`,
  );
  const grantOf = (email) => zoho.grant("1000.DEMO", { email, zgid: "60001" });
  const grantToken = grantOf(ANN);

  title("1. A process logs in with a grant token");
  say(
    "A grant token works once. The SDK exchanges it for an access token, which lasts an hour, and a refresh token,",
    "which lasts until it is revoked. It asks who the user is, and gives all of it to the store.",
  );
  await run(["login", grantToken]);

  title("2. A second process comes back without a login");
  say(
    "It starts with the same grant token, which Zoho would refuse now. The store finds the record by it, so the SDK",
    "goes on with the stored access token.",
  );
  await run(["login", grantToken]);

  title("3. The access token expires: 20 calls in two processes, one refresh");
  say(
    "Rather than wait for an hour, the demo sets the expiry of the stored access token to a minute ago. Two processes",
    "then make ten calls each, all at the same time. On its own, the SDK would refresh twenty times.",
  );
  await expire();
  await run(["calls", "10", ANN], ["calls", "10", ANN]);

  title("4. Two users at the same time, and nobody is mixed up");
  say(
    "Bob logs in too. Both access tokens expire, and each of two processes makes 20 calls at once, by turns as Ann and",
    "as Bob. The SDK has one current user per process; asUser gives each call its own.",
  );
  await run(["login", grantOf(BOB)]);
  await expire();
  await run(["calls", "20", ANN, BOB], ["calls", "20", ANN, BOB]);

  title("5. What is stored: one record per user");
  say("Printing a token shows no secret. `revision` counts the saves.");
  await list();

  title("6. Who is on call looks at it with a command");
  await tokenkeep("list");
  await tokenkeep("doctor");

  title("The database is yours to look at");
  say(
    `  ${shown}`,
    `  node packages/cli/dist/main.js list --store sqlite:${shown}`,
    `  node examples/demo/list.mjs ${shown}`,
    "or with SQLite's own tool (the tokens themselves are in it, so keep the file to yourself):",
    `  sqlite3 ${shown} .dump`,
    "",
  );
}

/** Runs the program once for each list of arguments, all at the same time, and shows what Zoho was asked. */
async function run(...programs) {
  zoho.requests.length = 0;
  const outputs = await Promise.all(
    programs.map(async (args) => {
      const all = [join(here, "app.mjs"), database, zoho.url, ...args];
      return (await promisify(execFile)(process.execPath, all, { cwd: directory })).stdout;
    }),
  );
  for (const [index, output] of outputs.entries()) {
    for (const line of output.trim().split("\n")) say(`  process ${index + 1}: ${line}`);
  }
  const counts = new Map();
  for (const request of zoho.requests) counts.set(request, (counts.get(request) ?? 0) + 1);
  for (const [request, count] of counts)
    say(`  Zoho: ${String(count).padStart(3)} × ${MEANINGS[request] ?? request}`);
  if (!counts.has("grant")) say("        (no login)");
}

async function expire() {
  const store = new SqliteTokenStore(database);
  for (const { id } of await store.getTokens()) {
    await store.saveToken({ id, expiresAt: Date.now() - 60_000 });
  }
  await store.close();
}

async function list() {
  const { stdout } = await promisify(execFile)(process.execPath, [join(here, "list.mjs"), database]);
  say(stdout.trimEnd().replaceAll(/^/gm, "  "));
}

/** Runs the command, and shows what it says. */
async function tokenkeep(command) {
  const main = join(fileURLToPath(import.meta.resolve("tokenkeep/package.json")), "../dist/main.js");
  say(`  $ npx tokenkeep ${command} --store sqlite:${basename(database)}`);
  const args = [main, command, "--store", `sqlite:${basename(database)}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory });
  say(stdout.trimEnd().replaceAll(/^/gm, "  "));
}

function title(text) {
  say("", text, "-".repeat(text.length));
}

function say(...lines) {
  for (const line of lines) console.log(line);
}
