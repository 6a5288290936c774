import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenStore } from "@tokenkeep/core";
import { describeOnServer, type ServerName } from "@tokenkeep/test-servers";
import { afterAll, describe } from "vitest";
import type { StoreSettings } from "./processes.js";

/** A store that several processes can share. */
export interface SharedBackend {
  readonly name: string;
  /** Settings for one test: an empty store. `url` is for a proxy in front of the server. */
  settings(options?: object, url?: string): StoreSettings;
  /** Where the server is; undefined where there is none. */
  readonly url?: string;
}

const SERVERS: Readonly<Record<string, { server: ServerName; module: string; name: string }>> = {
  redis: { server: "redis", module: "@tokenkeep/redis", name: "RedisTokenStore" },
  mysql: { server: "mysql", module: "@tokenkeep/mysql", name: "MysqlTokenStore" },
  postgres: { server: "postgres", module: "@tokenkeep/postgres", name: "PostgresTokenStore" },
  ferretdb: { server: "ferretdb", module: "@tokenkeep/mongo", name: "MongoTokenStore" },
};

const FILES: Readonly<Record<string, { module: string; name: string; file: string }>> = {
  sqlite: { module: "@tokenkeep/sqlite", name: "SqliteTokenStore", file: "tokens.db" },
  file: { module: "@tokenkeep/file", name: "FileTokenStore", file: "tokens.jsonl" },
};

let count = 0;

/** Registers tests on a shared backend, or reports it as NOT RUN. */
export async function describeOnBackend(
  backend: string,
  register: (backend: SharedBackend) => void | Promise<void>,
): Promise<void> {
  const only = process.env.TOKENKEEP_ONLY?.split(",");
  if (only !== undefined && !only.includes(backend)) return;
  const local = FILES[backend];
  if (local !== undefined) {
    const { module, name, file } = local;
    const directory = mkdtempSync(join(tmpdir(), "tokenkeep-oauth2-"));
    describe(`on ${backend}`, () => {
      afterAll(() => rmSync(directory, { recursive: true, force: true }));
      return register({
        name: backend,
        settings: (options) => ({
          module,
          name,
          options: { path: join(directory, `${++count}-${file}`), ...options },
        }),
      });
    });
    return;
  }
  const { server, module, name } = SERVERS[backend]!;
  await describeOnServer(server, ({ url }) =>
    register({
      name: backend,
      url,
      settings: (options, proxied = url) => ({
        module,
        name,
        options: { url: proxied, namespace: `oauth2-${process.pid}-${++count}`, ...options },
      }),
    }),
  );
}

/** Opens a store in the test's own process. */
export async function openStore({ module, name, options }: StoreSettings): Promise<TokenStore> {
  const { [name]: Store } = (await import(module)) as Record<string, new (options: object) => TokenStore>;
  return new Store!(options);
}
