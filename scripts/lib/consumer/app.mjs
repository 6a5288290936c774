// An app on every store. It saves where no server is needed, and is refused by those that nobody listens for: an
// error of the network shows that the driver was found.
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { zohoTokenStore } from "@tokenkeep/zoho-crm";

async function main() {
  const path = join(tmpdir(), `tokenkeep-app-${process.pid}.jsonl`);
  const stores = [
    new MemoryTokenStore(),
    new FileTokenStore(path),
    ...(process.getBuiltinModule?.("node:sqlite") === undefined ? [] : [new SqliteTokenStore(":memory:")]),
  ];
  for (const store of stores) {
    await store.saveToken({ id: "a", refreshToken: "r" });
    const { revision } = await store.withLock("k", () => store.saveToken({ id: "a", refreshToken: "s" }));
    if (revision !== 2) throw new Error(`revision ${revision}`);
  }
  const tokens = new TokenManager(
    stores[0],
    oauth2Provider({ tokenEndpoint: "https://login.example.com/token", clientId: "c" }),
  );
  await tokens.close();
  const nowhere = [
    new MongoTokenStore({ url: "mongodb://127.0.0.1:1/app", timeoutMs: 1000 }),
    new MysqlTokenStore({ url: "mysql://127.0.0.1:1/app", timeoutMs: 1000 }),
    new PostgresTokenStore({ url: "postgres://127.0.0.1:1/app", timeoutMs: 1000 }),
    new RedisTokenStore({ url: "redis://127.0.0.1:1", timeoutMs: 1000 }),
  ];
  for (const store of nowhere) {
    const error = await store.getTokens().catch((reason) => reason);
    if (!error.message.includes("ECONNREFUSED")) throw error;
    await store.close();
  }
  for (const store of stores) await store.close();
  rmSync(path);
  console.log(`saved, with ${typeof zohoTokenStore} zohoTokenStore`);
}
void main();
