import type { Backend, Lookup, Place, RecordKeys, TokenRecord, TokenStoreError } from "@tokenkeep/core";
import { explainFileError } from "./errors.js";
import { FileLeases } from "./file-leases.js";
import { importCsv } from "./import-csv.js";
import type { Line } from "./line.js";
import { Log } from "./log.js";
import { checkMode, realPathOf } from "./path.js";
import type { Space } from "./space.js";
import { putLine, TokenState } from "./token-state.js";

/** Records as lines of one file: see `docs/file-format.md` of this package. */
export class FileBackend implements Backend {
  readonly name = "file";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: LazyLeases = new LazyLeases();
  readonly #path: string;
  readonly #namespace: string;
  readonly #allowOthers: boolean;
  #log: Log | undefined;

  constructor(path: string, namespace: string, allowOthers: boolean) {
    this.#path = path;
    this.#namespace = namespace;
    this.#allowOthers = allowOthers;
  }

  open(): void {
    const path = realPathOf(this.#path);
    if (!this.#allowOthers) checkMode(path);
    importCsv(path, this.#namespace);
    const log = new Log(path, "tokens", () => new TokenState());
    this.#log = log;
    log.open();
    this.leases.set(new FileLeases(`${path}.locks`, this.#namespace));
  }

  async close(): Promise<void> {
    await this.#log?.close();
    await this.leases.close();
  }

  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): TokenRecord[] {
    const space = this.#space();
    const records: TokenRecord[] = [];
    for (const lookup of lookups) {
      const record = space.find(lookup);
      if (record === undefined) continue;
      records.push(record);
      if (settles(record)) break;
    }
    return records;
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

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    return this.#space().scan(after, limit);
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explainFileError(error);
  }

  #space(): Space {
    return (this.#log!.read() as TokenState).space(this.#namespace);
  }

  async #append(line: Line): Promise<boolean> {
    const log = this.#log!;
    const { applied, sync } = log.append(line);
    // what did not apply may rest on lines of others that are not on disk yet, but promises nothing
    if (applied) await sync();
    log.compactIfDue();
    return applied;
  }
}

/** The log of the locks is made when the first lock is asked for. */
class LazyLeases {
  #leases: FileLeases | undefined;
  #isOpen = false;

  set(leases: FileLeases): void {
    this.#leases = leases;
  }

  acquire(key: string, owner: string, leaseMs: number, placeMs: number): number | null {
    return this.#get().acquire(key, owner, leaseMs, placeMs);
  }

  renew(key: string, owner: string, leaseMs: number): boolean {
    return this.#get().renew(key, owner, leaseMs);
  }

  release(key: string, owner: string): boolean {
    return this.#get().release(key, owner);
  }

  #get(): FileLeases {
    const leases = this.#leases!;
    if (!this.#isOpen) leases.open();
    this.#isOpen = true;
    return leases;
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#leases?.close();
  }
}
