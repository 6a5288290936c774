import type { Backend, Lookup, Place, RecordKeys, TokenRecord } from "@tokenkeep/core";
import { RecordMap } from "@tokenkeep/core/in-memory";
import { MemoryLeases } from "./memory-leases.js";

/** Records in this process. Everything is answered at once, so that nothing can come in between. */
export class MemoryBackend implements Backend {
  readonly name = "memory";
  readonly durable = false;
  readonly shared = false;
  readonly namespaces = true;
  readonly leases: MemoryLeases = new MemoryLeases();
  #records = new RecordMap();

  open(): void {}

  close(): void {
    this.clear();
  }

  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): TokenRecord[] {
    return this.#records.read(lookups, settles);
  }

  insert(record: TokenRecord, keys: RecordKeys): boolean {
    return this.#records.get(record.id) === undefined && this.#records.put(record, keys);
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    return this.#records.get(record.id)?.etag === previous.etag && this.#records.put(record, keys);
  }

  remove(id: string): void {
    this.#records.remove(id);
  }

  clear(): void {
    this.#records = new RecordMap();
  }

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    return this.#records.scan(after, limit);
  }
}
