// A program that imports at its start: `node import.mjs <file> <database>`. Prints the report.
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { fromZohoFile, importTokens } from "@tokenkeep/zoho-crm";

const [file, path] = process.argv.slice(2);
const store = new SqliteTokenStore(path);
console.log(JSON.stringify(await importTokens(store, fromZohoFile(file))));
await store.close();
