import { importFromProject } from "../project.js";
import { checkClock, type Finding, finding } from "./findings.js";

type Document = Record<string, unknown>;

/** The used part of mongodb. */
interface Mongo {
  readonly MongoClient: new (url: string, options: object) => Client;
}
interface Client {
  db(): {
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

/** Checks a MongoDB or FerretDB: clock, role, indexes. */
export async function checkMongo(url: string): Promise<Finding[]> {
  const { MongoClient } = await importFromProject<Mongo>("mongodb");
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000, socketTimeoutMS: 10_000 });
  try {
    const db = client.db();
    const { localTime, isWritablePrimary } = await db.command({ hello: 1 });
    const found = await db.collection(COLLECTION).indexes();
    const missing = INDEXES.filter(
      ({ name, unique }) => !found.some((index) => index.name === name && (!unique || index.unique === true)),
    );
    return [
      ...(isWritablePrimary === false
        ? [finding("not-primary", "The server is no primary: it takes no writes.")]
        : []),
      ...checkClock(Number(localTime)),
      ...(missing.length > 0
        ? [finding("schema-index-missing", `Missing: ${missing.map(({ name }) => name).join(", ")}.`)]
        : []),
    ];
  } finally {
    await client.close();
  }
}
