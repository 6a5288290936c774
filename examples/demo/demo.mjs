// Shows Zoho's own SDK keeping its tokens in SQLite. `pnpm demo` builds the packages and runs it.
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
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
  "GET /crm/v8/settings/roles": "GET /crm/v8/settings/roles  the API call of the program",
};

await mkdir(directory, { recursive: true });
for (const end of ["", "-wal", "-shm"]) await rm(database + end, { force: true });
const zoho = await startZoho();
try {
  await show();
} finally {
  await zoho.stop();
}

async function show() {
  say(
    "",
    "Zoho's official CRM SDK for TypeScript, with its tokens in SQLite.",
    `Zoho's servers are played by a stand-in on this machine (${zoho.url}): no account is needed, nothing leaves.`,
  );
  const grantToken = zoho.grant("1000.DEMO", { email: "ann@example.com", zgid: "60001" });

  title("1. A process logs in with a grant token");
  say(
    "A grant token is good once. The SDK exchanges it for an access token, which lasts an hour, and a refresh",
  );
  say("token, which lasts until it is revoked. It asks who the user is, and hands all of it to the store.");
  await app(grantToken);

  title("2. A second process comes back, without a login");
  say(
    "It starts with the same grant token, which Zoho would refuse now. The store knows the record by it, so the",
  );
  say("SDK goes on with the stored access token: nobody has to log in again after a restart.");
  await app(grantToken);

  title("3. The access token expires, and a third process refreshes it");
  say(
    "Rather than wait for an hour, the demo sets the end of the stored access token to a minute ago. The SDK sees",
  );
  say(
    "that, gets a new one for the refresh token and saves it. Zoho's answer has no refresh token in it this",
  );
  say("time: the store keeps the one that it has.");
  await expire();
  await app(grantToken);

  title("4. What is stored: one record, saved anew each time");
  say(
    "Printing a token shows no secret. `revision` counts the saves: the login, the demo's own change, the refresh.",
  );
  await list();

  title("The database is yours to look at");
  say(`  ${shown}`);
  say(
    `  node examples/demo/list.mjs ${shown}`,
    "or with SQLite's own tool (the tokens themselves are in it, so keep the file to yourself):",
  );
  say(`  sqlite3 ${shown} "select id, user_name, expires_at, revision from tokenkeep_tokens"`, "");
}

/** Runs the program, and tells what it said and what Zoho was asked. */
async function app(grantToken) {
  zoho.requests.length = 0;
  const args = [join(here, "app.mjs"), database, zoho.url, grantToken];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory });
  say(`  process: ${stdout.trim()}`);
  for (const request of zoho.requests) say(`  Zoho:    ${MEANINGS[request] ?? request}`);
  if (!zoho.requests.includes("grant")) say("           (no login)");
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

function title(text) {
  say("", text, "-".repeat(text.length));
}

function say(...lines) {
  for (const line of lines) console.log(line);
}
