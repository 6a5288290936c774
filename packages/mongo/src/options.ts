import type { PersistentStoreOptions } from "@tokenkeep/core";
import {
  checkStoreOptions,
  checkUrl,
  invalidOption,
  isError,
  passwordsInUrl,
  redactor,
} from "@tokenkeep/core/backend";
import { type Collection, type Db, MongoClient, type MongoClientOptions } from "mongodb";
import type { StoredDocument } from "./documents.js";

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

/** The part of a `MongoClient` that is used, of any copy of the driver. */
export interface BorrowedClient {
  readonly options: object;
  connect(): Promise<unknown>;
  db(name?: string): BorrowedDb;
}

/** The part of a `Db` that is used, of any copy of the driver. */
export interface BorrowedDb {
  readonly databaseName: string;
  collection(name: string): object;
  command(command: object): Promise<object>;
}

/** The options of {@link MongoTokenStore}: a `url`, a `client` or a `db`. */
export interface MongoTokenStoreOptions extends PersistentStoreOptions {
  /** Where to connect: `mongodb://…` or `mongodb+srv://…`. The store closes this client. */
  readonly url?: string | undefined;
  /** The driver's options for the client of `url`: TLS, authentication, pool size and so on. */
  readonly clientOptions?: MongoClientOptions | undefined;
  /** A `MongoClient`. The store connects it if it isn't connected, and never closes it. */
  readonly client?: BorrowedClient | undefined;
  /** A `Db`. The store connects its client if it isn't connected, and never closes it. */
  readonly db?: BorrowedDb | undefined;
  /** The database; by default the one in the URL. Not together with `db`. */
  readonly database?: string | undefined;
  /** The collection, by default `oauth_tokens`. Nothing else may be in it. */
  readonly collection?: string | undefined;
}

export interface Settings {
  readonly common: PersistentStoreOptions;
  readonly client: MongoClient;
  readonly isOwnClient: boolean;
  readonly collection: Collection<StoredDocument>;
  readonly secrets: readonly string[];
}

/** Checks the options, and makes the client, which does not connect yet. @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(options: MongoTokenStoreOptions): Settings {
  const own = ["url", "clientOptions", "client", "db", "database", "collection"];
  const { timeoutMs } = checkStoreOptions(options, ["open", ...own]);
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
  // What else is no name for MongoDB, the server refuses.
  for (const [option, name] of Object.entries({ database, collection })) {
    const isName = name === undefined || (typeof name === "string" && name !== "" && !/[$\0]/.test(name));
    if (!isName) throw invalidOption(`${option} must be a name that MongoDB allows.`);
  }
  checkBorrowed("client", client, "connect");
  checkBorrowed("db", db, "collection");
  const usedClient =
    url === undefined
      ? ((client ?? (db as Db).client) as MongoClient)
      : makeClient(url, clientOptions, timeoutMs);
  const usedDb = (db as Db | undefined) ?? made("database", () => usedClient.db(database));
  return {
    common,
    client: usedClient,
    isOwnClient: url !== undefined,
    collection: made("collection", () => collectionOf(usedDb, collection, timeoutMs)),
    secrets: [...(url === undefined ? [] : secretsInUrl(url)), ...secretsIn(usedClient)],
  };
}

const PROTOCOLS = ["mongodb", "mongodb+srv"];
const SHAPE = "mongodb://user:password@host:27017/database, or mongodb+srv://…";

function makeClient(url: string, options: MongoClientOptions = {}, timeoutMs: number): MongoClient {
  checkUrl(withOneHost(url), PROTOCOLS, SHAPE);
  if (/@[^/?]*@/.test(url)) {
    throw invalidOption(
      `url has more than one "@". Write one in a user or password as %40. It must be ${SHAPE}.`,
    );
  }
  if (typeof options !== "object" || options === null)
    throw invalidOption("clientOptions must be an object.");
  const poolSize = /[?&]maxPoolSize=/i.test(url) ? {} : { maxPoolSize: POOL_SIZE };
  // A server that accepts connections and never answers holds the client up for the time of one call, not longer.
  const limits = { serverSelectionTimeoutMS: timeoutMs, connectTimeoutMS: timeoutMs };
  const make = () => new MongoClient(url, { ...poolSize, ...limits, ...HEARTBEATS, ...options });
  return made("url or clientOptions", make, secretsInUrl(url));
}

/** A MongoDB URL may have several hosts, and is no URL for Node then. */
function withOneHost(url: string): string {
  return typeof url === "string" ? url.replace(/^(\w+:\/\/(?:[^/@]*@)?)[^/?@]*,[^/?@]*/, "$1host") : url;
}

function secretsInUrl(url: string): string[] {
  return [...passwordsInUrl(withOneHost(url)), url];
}

/** The passwords in a client's options. */
function secretsIn({ options }: MongoClient): string[] {
  const { credentials, proxyPassword, passphrase } = options;
  const sessionToken = credentials?.mechanismProperties.AWS_SESSION_TOKEN;
  const secrets: unknown[] = [credentials?.password, sessionToken, proxyPassword, passphrase];
  return secrets.filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

/** Whatever the caller's client is set to, values come back as they were stored, and the newest ones. */
function collectionOf(db: Db, name: string, timeoutMs: number): Collection<StoredDocument> {
  const { writeConcern } = db;
  if (writeConcern?.w === 0) {
    throw invalidOption("The client's write concern is w: 0: no write is acknowledged. Set w: 1 or more.");
  }
  return db.collection<StoredDocument>(name, {
    // Without a limit the server goes on waiting for members that are down.
    writeConcern: { wtimeoutMS: timeoutMs, ...writeConcern, w: writeConcern?.w ?? "majority" },
    readPreference: "primary",
    promoteLongs: true,
    promoteValues: true,
    useBigInt64: false,
    raw: false,
  });
}

/** What the driver makes of an option. Its error is the option's. */
function made<T>(option: string, make: () => T, secrets: readonly string[] = []): T {
  try {
    return make();
  } catch (error) {
    const reason = isError(error) ? error.message : String(error);
    throw invalidOption(`${option} can't be used: ${redactor(secrets)(reason)}`);
  }
}

function checkBorrowed(option: "client" | "db", value: unknown, method: string): void {
  if (value === undefined) return;
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  // A connection of mongoose has a method `collection` too, but its collections are of another kind.
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
