import type { PersistentStoreOptions } from "@tokenkeep/core";
import {
  checkStoreOptions,
  checkUrl,
  invalidOption,
  passwordsInUrl,
  redactor,
} from "@tokenkeep/core/backend";
import { type CollectionOptions, type Db, MongoClient, type MongoClientOptions } from "mongodb";

/** Enough for many callers, and far from what a server allows. The driver's own default is 100. */
const POOL_SIZE = 20;

/**
 * How often the driver asks whether a server is there, and the shortest pause between two such heartbeats.
 *
 * The driver (6.22, 7.9) may write a heartbeat to a connection that Node has destroyed but not yet reported as closed.
 * Then it waits for the socket's `drain` event, which never comes, and the client finds no server any more. It
 * happens when an operation that waits for a server brings the heartbeat forward while connections are closing. With
 * a shortest pause that is longer than the usual one, only a timer starts heartbeats, and that runs after the closing.
 */
const HEARTBEATS = { heartbeatFrequencyMS: 1000, minHeartbeatFrequencyMS: 1500 };

/** The options of {@link MongoTokenStore}: a `url`, a `client` or a `db`. */
export interface MongoTokenStoreOptions extends PersistentStoreOptions {
  /** Where to connect: `mongodb://…` or `mongodb+srv://…`. The store closes this client. */
  readonly url?: string | undefined;
  /** The driver's options for the client of `url`: TLS, authentication, pool size and so on. */
  readonly clientOptions?: MongoClientOptions | undefined;
  /** A `MongoClient`. The store connects it if it isn't connected, and never closes it. */
  readonly client?: MongoClient | undefined;
  /** A `Db`. The store connects its client if it isn't connected, and never closes it. */
  readonly db?: Db | undefined;
  /** The database; by default the one in the URL. Not together with `db`. */
  readonly database?: string | undefined;
  /** The collection, by default `oauth_tokens`. Nothing else may be in it. */
  readonly collection?: string | undefined;
}

export interface Settings {
  readonly common: PersistentStoreOptions;
  readonly client: MongoClient;
  readonly isOwnClient: boolean;
  readonly db: Db;
  readonly collection: string;
  readonly collectionOptions: CollectionOptions;
  readonly secrets: readonly string[];
}

/** Checks the options, and makes the client, which does not connect yet. @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(options: MongoTokenStoreOptions): Settings {
  const own = ["url", "clientOptions", "client", "db", "database", "collection"];
  checkStoreOptions(options, ["open", ...own]);
  const { url, clientOptions, client, db, database, collection = "oauth_tokens", ...common } = options;
  if ("url" in options && !url && !client && !db) checkUrl(url, PROTOCOLS, SHAPE);
  if ([url, client, db].filter((one) => one !== undefined).length !== 1) {
    throw invalidOption(
      "Give one of url, client and db. If it comes from an environment variable, is it set?",
    );
  }
  if (url === undefined && clientOptions !== undefined) {
    throw invalidOption("clientOptions are for url. Give your own client its options where you make it.");
  }
  if (db !== undefined && database !== undefined) throw invalidOption("Give db or database, not both.");
  if (client !== undefined) checkDriver("client", client, "db");
  if (db !== undefined) checkDriver("db", db, "collection");
  checkName("database", database ?? db?.databaseName, DATABASE_NAME);
  checkName("collection", collection, COLLECTION_NAME);
  const timeoutMs = options.timeoutMs ?? 10_000;
  const used = db?.client ?? client ?? makeClient(url!, clientOptions, timeoutMs);
  const usedDb = db ?? databaseOf(used, database);
  return {
    common,
    client: used,
    isOwnClient: url !== undefined,
    db: usedDb,
    collection,
    collectionOptions: collectionOptions(usedDb),
    secrets: [...(url === undefined ? [] : secretsInUrl(url)), ...secretsIn(used)],
  };
}

const PROTOCOLS = ["mongodb", "mongodb+srv"];
const SHAPE = "mongodb://user:password@host:27017/database, or mongodb+srv://…";

function makeClient(url: string, options: MongoClientOptions = {}, timeoutMs: number): MongoClient {
  checkUrl(withOneHost(url), PROTOCOLS, SHAPE);
  if (typeof options !== "object" || options === null)
    throw invalidOption("clientOptions must be an object.");
  const poolSize = /[?&]maxPoolSize=/i.test(url) ? {} : { maxPoolSize: POOL_SIZE };
  // What a server that answers nothing holds up ends after the time of one call, so that the next one can begin anew.
  const limits = { serverSelectionTimeoutMS: timeoutMs, connectTimeoutMS: timeoutMs };
  try {
    return new MongoClient(url, { ...poolSize, ...limits, ...HEARTBEATS, ...options });
  } catch (error) {
    const reason = redactor(secretsInUrl(url))(error instanceof Error ? error.message : String(error));
    throw invalidOption(`url or clientOptions can't be used: ${reason}`);
  }
}

/** A MongoDB URL may have several hosts, which makes it none for Node. */
function withOneHost(url: string): string {
  return typeof url === "string" ? url.replace(/^(\w+:\/\/(?:[^/@]*@)?)[^/?@]*,[^/?@]*/, "$1host") : url;
}

function secretsInUrl(url: string): string[] {
  return [...passwordsInUrl(withOneHost(url)), url];
}

/** The passwords in a client's options. */
function secretsIn({ options }: MongoClient): string[] {
  const { credentials, proxyPassword, passphrase } = options;
  const secrets: unknown[] = [
    credentials?.password,
    credentials?.mechanismProperties.AWS_SESSION_TOKEN,
    proxyPassword,
    passphrase,
  ];
  return secrets.filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

/** The one in the URL, or the driver's default, `test`. */
function databaseOf(client: MongoClient, name: string | undefined): Db {
  let db: Db;
  try {
    db = client.db(name);
  } catch (error) {
    throw invalidOption(
      `The database of url can't be used: ${error instanceof Error ? error.message : error}`,
    );
  }
  checkName("the database of url", db.databaseName, DATABASE_NAME);
  return db;
}

/** Whatever the caller's client is set to, values come back as they were stored, and the newest ones. */
function collectionOptions({ writeConcern }: Db): CollectionOptions {
  if (writeConcern?.w === 0) {
    throw invalidOption(
      "The client's write concern is w: 0, so that no write is acknowledged. Set w: 1 or more.",
    );
  }
  return {
    writeConcern: { ...writeConcern, w: writeConcern?.w ?? "majority" },
    readPreference: "primary",
    promoteLongs: true,
    promoteValues: true,
    useBigInt64: false,
    raw: false,
  };
}

interface Name {
  readonly maxBytes: number;
  readonly forbidden: RegExp;
}

/** https://www.mongodb.com/docs/v8.0/reference/limits/#naming-restrictions */
const DATABASE_NAME: Name = { maxBytes: 63, forbidden: /[/\\. "$\0]/ };
/** With the database's name it may have 255 bytes. */
const COLLECTION_NAME: Name = { maxBytes: 190, forbidden: /[$\0]|^system\.|^\.|\.$|\.\./ };

function checkName(option: string, name: unknown, { maxBytes, forbidden }: Name): void {
  if (name === undefined) return;
  const isName = typeof name === "string" && name !== "" && Buffer.byteLength(name) <= maxBytes;
  if (!isName || forbidden.test(name)) {
    throw invalidOption(`${option} must be a name that MongoDB allows, of up to ${maxBytes} bytes.`);
  }
}

function checkDriver(option: "client" | "db", value: unknown, method: string): void {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  // A connection of mongoose has a method `collection` too, which returns collections of another kind.
  if (typeof given.getClient === "function" || typeof given.mongo === "object") {
    throw invalidOption(
      `${option} is mongoose or one of its connections. Give the driver's own client: ` +
        "{ client: mongoose.connection.getClient() }.",
    );
  }
  if (typeof given[method] === "function") return;
  throw invalidOption(
    `${option} must be a ${option === "db" ? "Db" : "MongoClient"} of the package mongodb.`,
  );
}
