// A program with the official Zoho CRM SDK for TypeScript, its tokens in SQLite. The demo starts it several times, each
// a process of its own: `node app.mjs <database> <address of Zoho> login <grant token>` or `… calls <number> <user>…`.
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { asUser, zohoTokenStore } from "@tokenkeep/zoho-crm";
import * as sdk from "@zohocrm/typescript-sdk-8.0";
import { RolesOperations } from "@zohocrm/typescript-sdk-8.0/dist/core/com/zoho/crm/api/roles/roles_operations.js";

const [database, zoho, command, ...rest] = process.argv.slice(2);
const store = new SqliteTokenStore(database);
const bridge = zohoTokenStore(store, sdk, { refresh: true });
const environment = new sdk.Environment(zoho, `${zoho}/oauth/v2/token`, zoho);
const client = ["1000.DEMO", "client secret"];

/** One API call with this token. @returns the user that Zoho took the call for; the stand-in says it in the role */
function callApi(token) {
  const settings = { environment, token, store: bridge, resourcePath: process.cwd() };
  return asUser(sdk, settings, async () => {
    const response = await new RolesOperations().getRoles();
    return response.getObject().getRoles()[0].getDisplayLabel();
  });
}

if (command === "login") {
  const user = await callApi(new sdk.OAuthToken(...client, rest[0], null, null, null, null, null));
  console.log(`the API answered ${user}`);
} else {
  const [number, ...users] = rest;
  // all at once, by turns as each of the users
  const calls = Array.from({ length: Number(number) }, async (_, i) => {
    const user = users[i % users.length];
    const signature = new sdk.UserSignature(`${user}:60001`);
    const answered = await callApi(new sdk.OAuthToken(...client, null, null, null, null, null, signature));
    return { user, answered };
  });
  const answers = await Promise.all(calls);
  for (const user of users) {
    const own = answers.filter((each) => each.user === user);
    const right = own.filter(({ answered }) => answered === user);
    console.log(`${own.length} calls as ${user}: ${right.length} answered as ${user}`);
  }
}
await bridge.close();
await store.close();
