// Lists what is stored, secrets masked: `node examples/demo/list.mjs demo/tokens.db`.
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const store = new SqliteTokenStore(process.argv[2]);
for await (const token of store.tokens()) console.log(token);
await store.close();
