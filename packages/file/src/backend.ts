import type { TokenStoreError } from "@tokenkeep/core";
import {
  type Backend,
  type Cursor,
  type Deadline,
  decodeRecord,
  encodeRecord,
  KEY_KINDS,
  keysOf,
  type Lookup,
  type MaybePromise,
  type RecordKeys,
  RecordMap,
  type TokenRecord,
} from "@tokenkeep/core/backend";
import { toStoreError } from "./errors.js";
import { FileLeases } from "./leases.js";
import { checkAccess } from "./log/access.js";
import { realPath } from "./log/files.js";
import type { Line } from "./log/line.js";
import { Log } from "./log/log.js";
import type { State } from "./log/state.js";
import type { CheckedOptions } from "./options.js";

/** Records as lines of one file: see `docs/file-format.md` of this package. */
export class FileBackend implements Backend {
  readonly name = "file";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: FileLeases;
  readonly #options: CheckedOptions;
  readonly #namespace: string;
  #log: Log<RecordState> | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.#namespace = options.namespace;
    this.leases = new FileLeases(options.namespace);
  }

  /** If it took too long, the next call continues it: otherwise a large file would never be read. */
  open(deadline: Deadline): Promise<void> {
    deadline.blockedBy(`${this.#options.path} is still being read`);
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<void> {
    await this.#log?.close(); // Of an attempt that failed.
    if (this.#isClosed) return;
    const create = this.#options.open === "create";
    const path = realPath(this.#options.path, create);
    checkAccess(path, this.#options.allowOthers);
    this.#log = new Log(path, { kind: "tokens", newState: () => new RecordState(), flushes: true, create });
    await this.#log.read();
    this.leases.open(`${path}.locks`, path);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#log?.close();
    await this.leases.close();
  }

  read(lookups: readonly Lookup[]): MaybePromise<TokenRecord[]> {
    return this.#withRecords((records) => records.read(lookups));
  }

  scan(after: Cursor | null, limit: number | null): MaybePromise<TokenRecord[]> {
    return this.#withRecords((records) => records.scan(after, limit));
  }

  // Synchronous if nothing has to be read first: waiting for a promise costs more than the find.
  #withRecords<T>(use: (records: RecordMap) => T): MaybePromise<T> {
    const useState = (state: RecordState): T => use(state.namespace(this.#namespace));
    const state = this.#log!.read();
    return state instanceof RecordState ? useState(state) : state.then(useState);
  }

  insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): Promise<boolean> {
    return this.#append(putLine(this.#namespace, record, keys, null), deadline);
  }

  replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): Promise<boolean> {
    return this.#append(putLine(this.#namespace, record, keys, previous.etag), deadline);
  }

  remove({ id, etag }: TokenRecord, deadline: Deadline): Promise<boolean> {
    return this.#append({ op: "remove", namespace: this.#namespace, id, previous: etag }, deadline);
  }

  async clear(deadline: Deadline): Promise<void> {
    await this.#append({ op: "clear", namespace: this.#namespace }, deadline);
  }

  #append(line: Line, deadline: Deadline): Promise<boolean> {
    return this.#log!.append(() => line, deadline);
  }

  /** Rewrites the file so that no replaced or deleted record is left in it. */
  compact(deadline: Deadline): Promise<void> {
    return this.#log!.compact(deadline);
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return toStoreError(error);
  }
}

/** The line that stores a record. @param previous the etag that has to be stored still; null: no record */
export function putLine(
  namespace: string,
  record: TokenRecord,
  keys: RecordKeys,
  previous: string | null,
): Line {
  // As an object within the line, so that a person can read it.
  const line = { op: "put", namespace, record: JSON.parse(encodeRecord(record)), previous };
  // Only the keys of encrypted values can't be computed from the record.
  const computed = keysOf(record);
  const others = KEY_KINDS.filter((kind) => keys[kind] !== computed[kind]);
  if (others.length === 0) return line;
  return { ...line, keys: Object.fromEntries(others.map((kind) => [kind, keys[kind]])) };
}

function readPut(line: Line): { record: TokenRecord; keys: RecordKeys } {
  const record = decodeRecord(JSON.stringify(line.record), "file: a record");
  return { record, keys: { ...keysOf(record), ...(line.keys as Partial<RecordKeys> | undefined) } };
}

/** The records of all namespaces. */
export class RecordState implements State {
  readonly #namespaces = new Map<string, RecordMap>();
  /** Etags that were stored by this file, and are not any more. */
  readonly #replaced = new Set<string>();

  get size(): number {
    let size = 1;
    for (const records of this.#namespaces.values()) size += records.size;
    return size;
  }

  namespace(name: string): RecordMap {
    let records = this.#namespaces.get(name);
    if (records === undefined) {
      records = new RecordMap();
      this.#namespaces.set(name, records);
    }
    return records;
  }

  allows(line: Line): boolean {
    const records = this.namespace(String(line.namespace));
    switch (line.op) {
      case "put": {
        const { record, keys } = readPut(line);
        const isCurrent = (records.get(record.id)?.etag ?? null) === line.previous;
        return isCurrent && !records.isTaken(keys, record.id);
      }
      case "remove":
        return records.get(String(line.id))?.etag === line.previous;
      default:
        return records.size > 0;
    }
  }

  apply(line: Line): boolean {
    const records = this.namespace(String(line.namespace));
    switch (line.op) {
      case "put":
        return this.#put(records, line);
      case "remove":
        return this.#remove(records, String(line.id), line.previous);
      case "clear":
        for (const { etag } of records.records()) this.#replaced.add(etag);
        return this.#namespaces.delete(String(line.namespace));
      default:
        return false;
    }
  }

  #put(records: RecordMap, line: Line): boolean {
    const { record, keys } = readPut(line);
    const stored = records.get(record.id);
    if (!this.#follows(stored, line.previous) || !records.put(record, keys)) return false;
    if (stored !== undefined) this.#replaced.add(stored.etag);
    return true;
  }

  #remove(records: RecordMap, id: string, previous: unknown): boolean {
    const stored = records.get(id);
    if (stored === undefined || !this.#follows(stored, previous)) return false;
    this.#replaced.add(stored.etag);
    return records.remove(id);
  }

  // Writers name an etag that this file has had. If it never had it, a person removed a damaged line: what was saved
  // after that line is kept.
  #follows(stored: TokenRecord | undefined, previous: unknown): boolean {
    if (previous === (stored?.etag ?? null)) return true;
    return typeof previous === "string" && !this.#replaced.has(previous);
  }

  snapshot(): Iterable<Line> {
    const all = [...this.#namespaces].map(([name, records]) => ({ name, entries: records.entries() }));
    return (function* () {
      for (const { name, entries } of all) {
        for (const { record, keys } of entries) yield putLine(name, record, keys, null);
      }
    })();
  }

  beginFile(): void {
    this.#replaced.clear();
  }
}
