import { importFromProject } from "../project.js";
import { checkClock, type Finding, finding, missingPrivileges } from "./findings.js";

type Document = Record<string, unknown>;

/** The used part of mongodb. */
interface Mongo {
  readonly MongoClient: new (url: string, options: object) => Client;
}
interface Client {
  db(): {
    readonly databaseName: string;
    command(command: Document): Promise<Document>;
    collection(name: string): { indexes(): Promise<Document[]> };
  };
  close(): Promise<void>;
}

/** The collection that the adapter uses by default, and its indexes. */
const COLLECTION = "oauth_tokens";
const INDEXES = [
  { name: "tokenkeep_keys", unique: true },
  { name: "tokenkeep_user", unique: false },
  { name: "tokenkeep_scan", unique: false },
];

/** What a program does with the collection, by MongoDB's names. */
const ACTIONS = ["find", "insert", "update", "remove", "createIndex"] as const;

/** Unauthorized: MongoDB's number for "this user may not". */
const DENIED = 13;

/** What a connection may do, as `connectionStatus` says with `showPrivileges`. */
export interface AuthInfo {
  readonly authenticatedUsers?: readonly unknown[];
  /** FerretDB 2.7 leaves it out, and lets whoever can log in read and write. */
  readonly authenticatedUserPrivileges?: readonly {
    readonly resource: {
      readonly db?: string;
      readonly collection?: string;
      readonly anyResource?: boolean;
      readonly cluster?: boolean;
    };
    readonly actions: readonly string[];
  }[];
}

/** Checks a MongoDB or FerretDB: clock, role, privileges, indexes. */
export async function checkMongo(url: string): Promise<Finding[]> {
  const { MongoClient } = await importFromProject<Mongo>("mongodb");
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000, socketTimeoutMS: 10_000 });
  try {
    const db = client.db();
    const { localTime, isWritablePrimary } = await db.command({ hello: 1 });
    const { authInfo } = await db.command({ connectionStatus: 1, showPrivileges: true });
    const lacked = lackedActions(authInfo as AuthInfo, db.databaseName);
    return [
      ...(isWritablePrimary === false
        ? [finding("not-primary", "The server is no primary: it takes no writes.")]
        : []),
      ...checkClock(Number(localTime)),
      ...missingPrivileges(lacked.map((action) => `${action} on ${db.databaseName}.${COLLECTION}`)),
      ...(await checkIndexes(db)),
    ];
  } finally {
    await client.close();
  }
}

async function checkIndexes(db: ReturnType<Client["db"]>): Promise<Finding[]> {
  let found: Document[];
  try {
    found = await db.collection(COLLECTION).indexes();
  } catch (error) {
    // A program does without this right.
    if ((error as { code?: unknown }).code !== DENIED) throw error;
    return [finding("settings-unknown", "The indexes can't be read: this user may not listIndexes.")];
  }
  const missing = INDEXES.filter(
    ({ name, unique }) => !found.some((index) => index.name === name && (!unique || index.unique === true)),
  );
  if (missing.length === 0) return [];
  return [finding("schema-index-missing", `Missing: ${missing.map(({ name }) => name).join(", ")}.`)];
}

/**
 * What a program needs and this user may not do. An empty name in a resource stands for all of them:
 * https://www.mongodb.com/docs/manual/reference/resource-document/
 */
export function lackedActions(
  { authenticatedUsers = [], authenticatedUserPrivileges }: AuthInfo,
  database: string,
): string[] {
  // Without access control there is no user, and nothing is forbidden.
  if (authenticatedUsers.length === 0 || authenticatedUserPrivileges === undefined) return [];
  const isOurs = (wanted: string, name: string | undefined) => name === "" || name === wanted;
  const allowed = authenticatedUserPrivileges
    .filter(
      ({ resource: { db, collection, anyResource } }) =>
        anyResource === true || (isOurs(database, db) && isOurs(COLLECTION, collection)),
    )
    .flatMap(({ actions }) => actions);
  return ACTIONS.filter((action) => !allowed.includes(action));
}
