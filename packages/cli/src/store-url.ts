import { readFileSync } from "node:fs";
import { type EncryptionOptions, isTokenStoreError, type TokenStore } from "@tokenkeep/core";
import { storedAccessOf } from "@tokenkeep/core/backend";
import { UsageError } from "./errors.js";
import { importFromProject } from "./project.js";
import { escaped } from "./text.js";

/** A backend of the command line: its package, its class, its driver. */
interface Adapter {
  readonly package: string;
  readonly className: string;
  readonly driver: string | undefined;
  /** What the class takes for this URL. */
  readonly options: (url: string) => Record<string, unknown>;
}

const byUrl = (url: string) => ({ url });
const byPath = (url: string) => ({ path: url.slice(url.indexOf(":") + 1) });
const MYSQL: Adapter = {
  package: "@tokenkeep/mysql",
  className: "MysqlTokenStore",
  driver: "mysql2",
  options: byUrl,
};
const POSTGRES: Adapter = {
  package: "@tokenkeep/postgres",
  className: "PostgresTokenStore",
  driver: "pg",
  options: byUrl,
};
const REDIS: Adapter = {
  package: "@tokenkeep/redis",
  className: "RedisTokenStore",
  driver: "ioredis",
  options: byUrl,
};
const MONGO: Adapter = {
  package: "@tokenkeep/mongo",
  className: "MongoTokenStore",
  driver: "mongodb",
  options: byUrl,
};

const ADAPTERS: Readonly<Record<string, Adapter>> = {
  file: { package: "@tokenkeep/file", className: "FileTokenStore", driver: undefined, options: byPath },
  // node:sqlite needs no driver, so its absence is said by the store itself.
  sqlite: { package: "@tokenkeep/sqlite", className: "SqliteTokenStore", driver: undefined, options: byPath },
  mysql: MYSQL,
  mariadb: MYSQL,
  postgres: POSTGRES,
  postgresql: POSTGRES,
  redis: REDIS,
  rediss: REDIS,
  mongodb: MONGO,
  "mongodb+srv": MONGO,
};

const FORMS =
  "file:tokens.jsonl, sqlite:tokens.db, mysql://…, postgres://…, redis://…, rediss://… or mongodb://…";

/** Which store, and how to open it. */
export interface StoreChoice {
  /** The URL, `@PATH` for a file that holds it. */
  readonly url: string | undefined;
  readonly namespace: string | undefined;
  readonly encryption: EncryptionOptions | undefined;
  /** `existing` for what only looks. */
  readonly open: "create" | "existing";
  readonly timeoutMs?: number | undefined;
}

/** An open store, and what to call it. */
export interface OpenStore {
  readonly store: TokenStore;
  /** The backend's scheme: `sqlite`, `redis`, … */
  readonly scheme: string;
  /** Host, database and namespace, without user and password: for people. */
  readonly label: string;
  readonly url: string;
  readonly namespace: string;
}

/**
 * Loads the adapter from the project in which the command runs, and makes the store. Nothing is opened yet.
 * @param choice which store
 * @param option the option that named it, for messages
 * @returns the store
 * @throws UsageError for a URL that names no store; CommandError where the adapter or its driver is not installed
 */
export async function openStore(choice: StoreChoice, option: string = "--store"): Promise<OpenStore> {
  const url = readUrl(choice.url, option);
  const scheme = /^([a-z][a-z+]*):/.exec(url)?.[1] ?? "";
  const adapter = Object.hasOwn(ADAPTERS, scheme) ? ADAPTERS[scheme]! : undefined;
  if (adapter === undefined) throw new UsageError(`${option} must be ${FORMS}.`);
  const Store = await load(adapter);
  const { namespace, encryption, open, timeoutMs } = choice;
  const store = new Store({ ...adapter.options(url), namespace, encryption, open, timeoutMs });
  return { store, scheme, label: labelOf(url, namespace), url, namespace: namespace ?? "" };
}

function readUrl(given: string | undefined, option: string): string {
  const variable = option === "--store" ? "TOKENKEEP_STORE" : "TOKENKEEP_TO";
  if (given !== undefined && given !== "") return urlFrom(given, variable);
  const text = process.env[variable];
  if (text === undefined || text === "") {
    throw new UsageError(`Which store? Give ${option} or set ${variable}: ${FORMS}.`);
  }
  return text.startsWith("@") ? urlFrom(text) : text;
}

/**
 * The URL that an argument is, or that the file holds which it names as `@FILE`.
 * @param given the argument
 * @param variable the environment variable that takes it too
 * @throws UsageError for a file that can't be read, and for a password, which the shell's history and `ps` would show
 */
export function urlFrom(given: string, variable?: string): string {
  if (!given.startsWith("@")) {
    if (!/^[a-z+]+:\/\/[^/?#]*:[^/?#]*@/i.test(given)) return given;
    throw new UsageError(
      "A password on the command line is shown by `ps`, and kept in the shell's history. " +
        `Give the URL in a file, as @FILE${variable === undefined ? "" : `, or in ${variable}`}.`,
    );
  }
  try {
    return readFileSync(given.slice(1), "utf8").trim();
  } catch (error) {
    throw new UsageError(
      `${escaped(given.slice(1))} can't be read (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
}

type StoreClass = new (options: Record<string, unknown>) => TokenStore;

async function load({ package: name, className, driver }: Adapter): Promise<StoreClass> {
  const names = driver === undefined ? [] : [driver];
  const module = await importFromProject<Record<string, unknown>>(name, ...names);
  return module[className] as StoreClass;
}

/** How long a server may take to answer, in milliseconds. */
const REACH_MS = 5000;

/**
 * Opens a store on a server now, so that one which is not there is reported soon. Later calls are tried again and again,
 * as the server may come back.
 */
export async function reach({ store, scheme }: OpenStore): Promise<void> {
  if (scheme === "file" || scheme === "sqlite") return;
  try {
    await storedAccessOf(store).run((backend, deadline) => backend.scanStored(null, 1, deadline), REACH_MS);
  } catch (error) {
    // Whatever else is wrong, the command's own calls say; to a dry run a missing store is an empty one.
    if (!isTokenStoreError(error) || error.code === "ERR_UNAVAILABLE") throw error;
  }
}

/** What a person may see of a URL: no user, no password, no parameters. */
function labelOf(url: string, namespace: string | undefined): string {
  const suffix =
    namespace === undefined || namespace === "" ? "" : `, namespace ${JSON.stringify(namespace)}`;
  if (!URL.canParse(url) || /^(file|sqlite):/.test(url)) return escaped(url + suffix);
  const { protocol, host, pathname } = new URL(url);
  return escaped(`${protocol}//${host}${pathname}${suffix}`);
}
