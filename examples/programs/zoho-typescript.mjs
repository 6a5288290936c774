// The program of packages/zoho-crm's README: `node zoho-typescript.mjs <database> <grant token> [address of Zoho]`.
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { zohoTokenStore } from "@tokenkeep/zoho-crm";
import * as sdk from "@zohocrm/typescript-sdk-8.0";

const [path, grantToken, zoho] = process.argv.slice(2);
const environment =
  zoho === undefined
    ? sdk.USDataCenter.PRODUCTION()
    : new sdk.Environment(zoho, `${zoho}/oauth/v2/token`, zoho);

const store = new SqliteTokenStore(path);
const token = new sdk.OAuthToken("1000.CLIENT", "secret", grantToken, null, null, null, null, null);
const bridge = zohoTokenStore(store, sdk, { refresh: true });
const builder = await new sdk.InitializeBuilder();
await builder.environment(environment).token(token).store(bridge).initialize();

console.log(await store.getTokens()); // secrets masked
await bridge.close();
await store.close();
