// A program with the official Zoho CRM SDK for TypeScript, its tokens in SQLite. The demo starts it several
// times, each a process of its own: `node app.mjs <database> <address of Zoho> [grant token]`.
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { zohoTokenStore } from "@tokenkeep/zoho-crm";
import * as sdk from "@zohocrm/typescript-sdk-8.0";
import { RolesOperations } from "@zohocrm/typescript-sdk-8.0/dist/core/com/zoho/crm/api/roles/roles_operations.js";

const [database, zoho, grantToken] = process.argv.slice(2);
const store = new SqliteTokenStore(database);

const token = new sdk.OAuthToken("1000.DEMO", "client secret", grantToken, null, null, null, null, null);
const builder = await new sdk.InitializeBuilder();
await builder
  .environment(new sdk.Environment(zoho, `${zoho}/oauth/v2/token`, zoho))
  .token(token)
  .store(zohoTokenStore(store, sdk))
  .resourcePath(process.cwd())
  .initialize();

const response = await new RolesOperations().getRoles();
const roles = response.getObject().getRoles();
console.log(
  `the API answered ${response.getStatusCode()}: ${roles.map((role) => role.getName()).join(", ")}`,
);
await store.close();
