import type { Backend, Cursor, Lookup, RecordKeys, TokenRecord } from "@tokenkeep/core/backend";
import { RecordMap } from "@tokenkeep/core/backend";
import { MemoryLeases } from "./leases.js";

/** Records in this process. Every method answers at once, so nothing can come between. */
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

  read(lookups: readonly Lookup[]): TokenRecord[] {
    return this.#records.read(lookups);
  }

  insert(record: TokenRecord, keys: RecordKeys): boolean {
    return this.#records.get(record.id) === undefined && this.#records.put(record, keys);
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    return this.#isCurrent(previous) && this.#records.put(record, keys);
  }

  remove(previous: TokenRecord): boolean {
    return this.#isCurrent(previous) && this.#records.remove(previous.id);
  }

  #isCurrent({ id, etag }: TokenRecord): boolean {
    return this.#records.get(id)?.etag === etag;
  }

  clear(): void {
    this.#records = new RecordMap();
  }

  scan(after: Cursor | null, limit: number | null): TokenRecord[] {
    return this.#records.scan(after, limit);
  }
}
