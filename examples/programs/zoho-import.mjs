// Imports the tokens of an SDK's own file into a store: `node zoho-import.mjs <file> <database>`.
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { fromZohoFile, importTokens } from "@tokenkeep/zoho-crm";

const [file, database] = process.argv.slice(2);
const store = new SqliteTokenStore(database);
const { saved, unchanged, problems } = await importTokens(store, fromZohoFile(file));
console.log(`${saved} saved, ${unchanged} there already`);
for (const { where, reason } of problems) console.log(`left out: ${where}: ${reason}`);
await store.close();
