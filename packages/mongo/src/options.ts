import { checkStoreOptions, invalidOption, type StoreOptions, withoutSecrets } from "@tokenkeep/core";
import { type Db, MongoClient, type MongoClientOptions, type WriteConcernSettings } from "mongodb";
import { secretsOf, secretsOfUrl } from "./secrets.js";

/** Enough for many callers, and far from what a server allows (the driver's own default is 100). */
const DEFAULT_POOL_SIZE = 20;

/**
 * How often the driver looks whether a server is there, and what keeps it from doing so in between.
 *
 * The driver (6.22, 7.9) may write its heartbeat to a connection that Node has destroyed and not yet called
 * closed. Then it waits for the socket's `drain`, which never comes, and that client finds no server any more.
 * This happens where a call that looks for a server brings the heartbeat forward while the connections close
 * (`MonitorInterval.wake`). With a shortest pause above the usual one, a timer starts every heartbeat, and
 * when timers run, what was destroyed is closed.
 */
const HEARTBEATS = { heartbeatFrequencyMS: 1000, minHeartbeatFrequencyMS: 1500 };

/** What a `MongoTokenStore` can be told. One of `url`, `client` and `db` is needed. */
export interface MongoTokenStoreOptions extends StoreOptions {
  /** Where to connect: `mongodb://…` or `mongodb+srv://…`. The store closes this client. */
  readonly url?: string | undefined;
  /** More for the client of `url`: TLS, authentication, compression … What the store needs goes first. */
  readonly clientOptions?: MongoClientOptions | undefined;
  /** A client that you have. The store never closes it. */
  readonly client?: MongoClient | undefined;
  /** A database of a client that you have. The store never closes it. */
  readonly db?: Db | undefined;
  /** The database; by default the one in the URL. Not together with `db`. */
  readonly database?: string | undefined;
  /** The collection; `oauth_tokens` by default. Nothing else may be in it. */
  readonly collection?: string | undefined;
  /** How many servers must have a write before it counts as saved; `{ w: "majority" }` by default. */
  readonly writeConcern?: WriteConcernSettings | undefined;
  /** Which state of the primary a read sees; `local`, the newest, by default. */
  readonly readConcern?: "local" | "majority" | "linearizable" | undefined;
  /** The most connections to one server at once, for `url`; 20 by default, unless the URL says otherwise. */
  readonly maxPoolSize?: number | undefined;
}

export interface Settings {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly db: Db;
  /** The client if it is ours to close. */
  readonly ownClient: MongoClient | undefined;
  readonly collection: string;
  readonly writeConcern: WriteConcernSettings;
  readonly readConcern: "local" | "majority" | "linearizable";
  readonly secrets: readonly string[];
}

const KNOWN = [
  "url",
  "clientOptions",
  "client",
  "db",
  "database",
  "collection",
  "writeConcern",
  "readConcern",
  "maxPoolSize",
];

/** Checks the options and makes the client, which does not connect yet. */
export function checkOptions(options: MongoTokenStoreOptions): Settings {
  const { namespace, timeoutMs, leaseMs } = checkStoreOptions(options, KNOWN);
  const { url, client, db, clientOptions, maxPoolSize } = options;
  if ([url, client, db].filter((way) => way !== undefined).length !== 1) {
    throw invalidOption("Give one of url, client and db.");
  }
  if (url === undefined && (clientOptions !== undefined || maxPoolSize !== undefined)) {
    throw invalidOption("clientOptions and maxPoolSize go with url: your own client has its own.");
  }
  if (db !== undefined && options.database !== undefined) {
    throw invalidOption("db is a database already: leave database out.");
  }
  if (client !== undefined && !has(client, "db")) throw invalidOption("client must be a MongoClient.");
  if (db !== undefined && !has(db, "collection")) throw invalidOption("db must be a Db of a MongoClient.");
  checkName("database", options.database, DATABASE_NAME);
  const { collection = "oauth_tokens" } = options;
  checkName("collection", collection, COLLECTION_NAME);
  const ownClient = url === undefined ? undefined : makeClient(url, options, timeoutMs);
  const used = ownClient ?? client;
  const database = db ?? databaseOf(used!, options.database);
  checkName("the database", database.databaseName, DATABASE_NAME);
  return {
    namespace,
    timeoutMs,
    leaseMs,
    db: database,
    ownClient,
    collection,
    writeConcern: checkWriteConcern(options.writeConcern, timeoutMs),
    readConcern: checkReadConcern(options.readConcern),
    secrets: [...(url === undefined ? [] : secretsOfUrl(url)), ...secretsOf(used ?? db)],
  };
}

function makeClient(url: string, options: MongoTokenStoreOptions, timeoutMs: number): MongoClient {
  if (typeof url !== "string") throw invalidOption("url must be a string.");
  const { clientOptions = {}, maxPoolSize } = options;
  if (typeof clientOptions !== "object" || clientOptions === null) {
    throw invalidOption("clientOptions must be an object.");
  }
  if (maxPoolSize !== undefined && !(Number.isInteger(maxPoolSize) && maxPoolSize > 0)) {
    throw invalidOption("maxPoolSize must be a whole number of connections, 1 or more.");
  }
  const poolSize = maxPoolSize ?? (/[?&]maxPoolSize=/i.test(url) ? undefined : DEFAULT_POOL_SIZE);
  try {
    // Every step that can wait has the store's limit, so that nothing stays behind when a call has ended.
    return new MongoClient(url, {
      ...(poolSize === undefined ? {} : { maxPoolSize: poolSize }),
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
      waitQueueTimeoutMS: timeoutMs,
      socketTimeoutMS: timeoutMs,
      ...HEARTBEATS,
      ...clientOptions,
      ...(maxPoolSize === undefined ? {} : { maxPoolSize }),
    });
  } catch (error) {
    const reason = withoutSecrets(error, secretsOfUrl(url)).message;
    throw invalidOption(`url or clientOptions can't be used: ${reason}`);
  }
}

/** The one in the URL, or else the driver's own, `test`. */
function databaseOf(client: MongoClient, name: string | undefined): Db {
  try {
    return client.db(name);
  } catch (error) {
    throw invalidOption(
      `url names no database that can be used: ${error instanceof Error ? error.message : error}`,
    );
  }
}

interface Name {
  readonly mostBytes: number;
  readonly forbidden: RegExp;
}

/** https://www.mongodb.com/docs/v8.0/reference/limits/#naming-restrictions */
const DATABASE_NAME: Name = { mostBytes: 63, forbidden: /[/\\. "$\0]/ };
/** With the database's name it may have 255 bytes. */
const COLLECTION_NAME: Name = { mostBytes: 190, forbidden: /[$\0]|^system\.|^\.|\.$|\.\./ };

function checkName(option: string, name: unknown, { mostBytes, forbidden }: Name): void {
  if (name === undefined) return;
  if (
    typeof name !== "string" ||
    name === "" ||
    Buffer.byteLength(name) > mostBytes ||
    forbidden.test(name)
  ) {
    throw invalidOption(`${option} must have a name that MongoDB allows, of up to ${mostBytes} bytes.`);
  }
}

const WRITE_CONCERN: ReadonlySet<string> = new Set(["w", "j", "journal", "wtimeout", "wtimeoutMS", "fsync"]);

function checkWriteConcern(
  concern: WriteConcernSettings | undefined,
  timeoutMs: number,
): WriteConcernSettings {
  if (concern !== undefined && (typeof concern !== "object" || concern === null || Array.isArray(concern))) {
    throw invalidOption('writeConcern must be an object such as { w: "majority" }.');
  }
  const { w: given, ...rest } = concern ?? {};
  const unknown = Object.keys(rest).find((name) => !WRITE_CONCERN.has(name));
  if (unknown !== undefined) throw invalidOption(`writeConcern has no ${unknown}.`);
  const w = given ?? "majority";
  if (!isW(w)) {
    throw invalidOption(
      'The w of writeConcern must be a number of members, 1 or more, or a name such as "majority".',
    );
  }
  // Without a limit the server would go on waiting for members that are down:
  // https://www.mongodb.com/docs/v8.0/reference/write-concern/#wtimeout
  return { w, wtimeoutMS: timeoutMs, ...rest };
}

function isW(w: unknown): boolean {
  if (typeof w === "number") return Number.isSafeInteger(w) && w > 0;
  return typeof w === "string" && w !== "" && w !== "0";
}

function checkReadConcern(level: string = "local"): "local" | "majority" | "linearizable" {
  if (level === "local" || level === "majority" || level === "linearizable") return level;
  throw invalidOption('readConcern must be "local", "majority" or "linearizable".');
}

function has(value: unknown, method: string): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    method in value &&
    typeof (value as Record<string, unknown>)[method] === "function"
  );
}
