import type { TokenRecord } from "@tokenkeep/core";
import { keysOf, TOKEN_COLUMNS } from "@tokenkeep/core";
import { RecordMap } from "@tokenkeep/core/in-memory";
import type { Line } from "./line.js";
import type { State } from "./state.js";

/** The line that keeps a record. @param previous the etag that must be stored still, or null for none */
export function putLine(namespace: string, record: TokenRecord, previous: string | null): Line {
  const columns: Record<string, unknown> = {};
  for (const { property, column } of TOKEN_COLUMNS) columns[column] = record[property];
  return { op: "put", namespace, record: columns, previous };
}

/** Every record of every namespace. */
export class TokenState implements State {
  readonly #spaces = new Map<string, RecordMap>();
  /** Etags of this file that are not stored any more. */
  readonly #past = new Set<string>();

  get size(): number {
    let size = 1;
    for (const space of this.#spaces.values()) size += space.size;
    return size;
  }

  space(namespace: string): RecordMap {
    let space = this.#spaces.get(namespace);
    if (space === undefined) {
      space = new RecordMap();
      this.#spaces.set(namespace, space);
    }
    return space;
  }

  allows(line: Line): boolean {
    const space = this.space(String(line.namespace));
    if (line.op === "remove") return space.get(String(line.id)) !== undefined;
    if (line.op === "clear") return space.size > 0;
    const record = recordOf(line.record);
    const isNext = (space.get(record.id)?.etag ?? null) === line.previous;
    return isNext && !space.isTaken(keysOf(record), record.id);
  }

  apply(line: Line): boolean {
    const space = this.space(String(line.namespace));
    switch (line.op) {
      case "put":
        return this.#put(space, recordOf(line.record), line.previous as string | null);
      case "remove": {
        const stored = space.get(String(line.id));
        if (stored === undefined) return false;
        this.#past.add(stored.etag);
        return space.remove(stored.id);
      }
      case "clear":
        for (const { etag } of space.records()) this.#past.add(etag);
        return this.#spaces.delete(String(line.namespace));
      default:
        return false;
    }
  }

  #put(space: RecordMap, record: TokenRecord, previous: string | null): boolean {
    const stored = space.get(record.id);
    // A writer names an etag that this file had. One that it never had was in a line which is gone: taken
    // out by a person, since it could not be read. What was saved after it is not lost for that.
    const isNext = previous === (stored?.etag ?? null) || (previous !== null && !this.#past.has(previous));
    if (!isNext || !space.put(record, keysOf(record))) return false;
    if (stored !== undefined) this.#past.add(stored.etag);
    return true;
  }

  snapshot(): Iterable<Line> {
    const spaces = [...this.#spaces].map(([namespace, space]) => ({ namespace, records: space.records() }));
    return (function* () {
      for (const { namespace, records } of spaces) {
        for (const record of records) yield putLine(namespace, record, null);
      }
    })();
  }

  beginFile(): void {
    this.#past.clear();
  }
}

function recordOf(columns: unknown): TokenRecord {
  const stored = columns as Record<string, unknown>;
  const record: Record<string, unknown> = {};
  for (const { property, column } of TOKEN_COLUMNS) record[property] = stored[column] ?? null;
  return record as unknown as TokenRecord;
}
