import type { Db, Document } from "mongodb";
import { explain } from "./explain.js";
import type { StoredDocument } from "./layout.js";
import type { Settings } from "./options.js";

/** What a record is read without: nobody outside the database needs it, and it is a third of a document. */
const HIDDEN = { keys: 0, key: 0, user: 0, space: 0, namespace: 0 };

/**
 * Asks the one question that a find is, and that a save begins with.
 *
 * As a command: `Collection.find` makes a cursor for what is one short answer, a quarter of the driver's time.
 * A command takes none of the options of the caller's client: values come back as they were stored, from the
 * primary, the only member that has every write at once.
 */
export class Reader {
  readonly #db: Db;
  readonly #collection: string;
  readonly #readConcern: Document;
  readonly #timeoutMs: number;

  constructor({ db, collection, readConcern, timeoutMs }: Settings) {
    this.#db = db;
    this.#collection = collection;
    this.#readConcern = { level: readConcern };
    this.#timeoutMs = timeoutMs;
  }

  /** The documents that have one of the keys. */
  byKeys(keys: readonly string[]): Promise<StoredDocument[]> {
    return this.#ask({
      find: this.#collection,
      filter: { keys: { $in: keys } },
      projection: HIDDEN,
      // all in one answer: the server keeps no cursor
      limit: keys.length,
      singleBatch: true,
      readConcern: this.#readConcern,
    });
  }

  /**
   * The newest record of a user, and what the keys lead to: by two indexes, in one request. An $or would
   * read all of a user's records.
   */
  newestOf(user: string, keys: readonly string[]): Promise<StoredDocument[]> {
    return this.#ask({
      aggregate: this.#collection,
      pipeline: [
        { $match: { user: { $eq: user } } },
        { $sort: { savedAt: -1 } },
        { $limit: 1 },
        { $unionWith: { coll: this.#collection, pipeline: [{ $match: { keys: { $in: keys } } }] } },
      ],
      // one batch has room for 101 documents, and there are fewer keys than ten:
      // https://www.mongodb.com/docs/v8.0/reference/command/aggregate/
      cursor: {},
      readConcern: this.#readConcern,
    });
  }

  // The driver repeats its own reads once, but not a command that it is given
  // (https://www.mongodb.com/docs/v8.0/core/retryable-reads/): after a failover, or with a connection that the
  // server has closed, the first try fails. A read may be repeated whatever the reason was.
  async #ask(command: Document): Promise<StoredDocument[]> {
    const end = performance.now() + this.#timeoutMs;
    try {
      return await this.#send(command);
    } catch (error) {
      if (explain(error) !== undefined || performance.now() >= end) throw error;
      return this.#send(command);
    }
  }

  async #send(command: Document): Promise<StoredDocument[]> {
    const answer = await this.#db.command(command, { readPreference: "primary" });
    return answer.cursor.firstBatch;
  }
}
