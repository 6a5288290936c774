// Every method of every store, on real servers.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { describeOnServer, type ServerName } from "@tokenkeep/test-servers";
import fc from "fast-check";
import { afterAll, describe } from "vitest";
import { contentOf, type Target, testAll } from "./property.js";
import { anything, id, options, token } from "./values.js";

/** After so many calls all records are deleted, so that reading them before and after a call stays quick. */
const MANY = 20;

/** The part of all calls that each store gets. */
const SHARE = 0.4 / 7;

async function testStore(store: TokenStore): Promise<void> {
  afterAll(() => store.close());
  const copied = await store.saveToken({ id: "copied", grantToken: "copied" });
  const work = fc.oneof(
    fc.constant(() => 1),
    anything.filter((one) => typeof one !== "function"),
  );
  const calls: readonly Pick<Target, "name" | "args" | "call">[] = [
    { name: "findToken", args: [token], call: (query) => store.findToken(query) },
    { name: "findTokenById", args: [id], call: (value) => store.findTokenById(value) },
    {
      name: "saveToken",
      args: [token, options("ifRevision")],
      call: (given, more) => store.saveToken(given, more),
    },
    {
      name: "saveToken of a copy",
      args: [token],
      call: (changes: never) => store.saveToken(copied.with(changes)),
    },
    { name: "importToken", args: [token], call: (given) => store.importToken(given) },
    {
      name: "deleteToken",
      args: [id, options("ifRevision")],
      call: (value, more) => store.deleteToken(value, more),
    },
    {
      name: "withLock",
      args: [id, work, options("timeoutMs", "signal", "maxHoldMs")],
      call: (key, hold, more) => store.withLock(key, hold, more),
    },
  ];
  let count = 0;
  const prepare = async () => {
    if (++count % MANY === 0) await store.deleteTokens();
  };
  testAll(
    calls.map((call) => ({ ...call, prepare, content: contentOf(store) })),
    SHARE,
  );
}

const folder = mkdtempSync(join(tmpdir(), "tokenkeep-hostile-"));
afterAll(() => rmSync(folder, { recursive: true }));

const LOCAL: Readonly<Record<string, () => TokenStore>> = {
  memory: () => new MemoryTokenStore(),
  file: () => new FileTokenStore({ path: join(folder, "tokens.jsonl"), timeoutMs: 5000 }),
  sqlite: () => new SqliteTokenStore({ path: join(folder, "tokens.db"), timeoutMs: 5000 }),
};
describe.each(Object.entries(LOCAL))("on %s", (_name, open) => testStore(open()));

const ON_SERVERS: Readonly<Partial<Record<ServerName, (url: string) => TokenStore>>> = {
  redis: (url) => new RedisTokenStore({ url, namespace: "hostile" }),
  mysql: (url) => new MysqlTokenStore({ url, table: "hostile" }),
  postgres: (url) => new PostgresTokenStore({ url, schema: "hostile" }),
  ferretdb: (url) => new MongoTokenStore({ url, collection: "hostile" }),
};
for (const [name, open] of Object.entries(ON_SERVERS)) {
  await describeOnServer(name as ServerName, ({ url }) => testStore(open(url)));
}
