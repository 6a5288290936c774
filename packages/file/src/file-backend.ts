import type {
  Backend,
  Lookup,
  MaybePromise,
  Place,
  RecordKeys,
  TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import type { RecordMap } from "@tokenkeep/core/in-memory";
import { explainFileError } from "./errors.js";
import { FileLeases } from "./file-leases.js";
import { importCsv } from "./import-csv.js";
import type { Line } from "./line.js";
import { Log } from "./log.js";
import { checkFile, realPathOf } from "./path.js";
import { putLine, TokenState } from "./token-state.js";

/** Records as lines of one file: see `docs/file-format.md` of this package. */
export class FileBackend implements Backend {
  readonly name = "file";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: FileLeases;
  readonly #path: string;
  readonly #namespace: string;
  readonly #allowOthers: boolean;
  #log: Log<TokenState> | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;

  constructor(path: string, namespace: string, allowOthers: boolean) {
    this.#path = path;
    this.#namespace = namespace;
    this.#allowOthers = allowOthers;
    this.leases = new FileLeases(namespace);
  }

  /** Asked again, it goes on with what took too long: to read a large file must not begin anew each time. */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<void> {
    await this.#log?.close(); // of an attempt that failed
    const path = realPathOf(this.#path);
    checkFile(path, this.#allowOthers);
    await importCsv(path, this.#namespace);
    if (this.#isClosed) return;
    const log = new Log(path, { kind: "tokens", newState: () => new TokenState(), flushes: true });
    this.#log = log;
    await log.read();
    this.leases.open(`${path}.locks`, path);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#log?.close();
    await this.leases.close();
  }

  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): MaybePromise<TokenRecord[]> {
    return this.#withRecords((records) => records.read(lookups, settles));
  }

  insert(record: TokenRecord, _keys: RecordKeys): Promise<boolean> {
    return this.#append(putLine(this.#namespace, record, null));
  }

  replace(record: TokenRecord, _keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    return this.#append(putLine(this.#namespace, record, previous.etag));
  }

  async remove(id: string): Promise<void> {
    await this.#append({ op: "remove", namespace: this.#namespace, id });
  }

  async clear(): Promise<void> {
    await this.#append({ op: "clear", namespace: this.#namespace });
  }

  scan(after: Place | null, limit: number | null): MaybePromise<TokenRecord[]> {
    return this.#withRecords((records) => records.scan(after, limit));
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explainFileError(error);
  }

  // at once, where nothing is to be read first: a turn of the event loop costs more than a find
  #withRecords<T>(use: (records: RecordMap) => T): MaybePromise<T> {
    const state = this.#log!.read();
    const useState = (read: TokenState): T => use(read.space(this.#namespace));
    return state instanceof TokenState ? useState(state) : state.then(useState);
  }

  #append(line: Line): Promise<boolean> {
    return this.#log!.append(() => line);
  }
}
