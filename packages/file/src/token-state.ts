import type { TokenRecord } from "@tokenkeep/core";
import { TOKEN_COLUMNS } from "@tokenkeep/core";
import type { Line } from "./line.js";
import { Space } from "./space.js";
import type { State } from "./state.js";

/** The line that keeps a record. @param previous the etag that must be stored still, or null for none */
export function putLine(namespace: string, record: TokenRecord, previous: string | null): Line {
  const columns: Record<string, unknown> = {};
  for (const { property, column } of TOKEN_COLUMNS) columns[column] = record[property];
  return { op: "put", namespace, record: columns, previous };
}

/** Every record of every namespace. */
export class TokenState implements State {
  readonly #spaces = new Map<string, Space>();

  get size(): number {
    let size = 1;
    for (const space of this.#spaces.values()) size += space.size;
    return size;
  }

  space(namespace: string): Space {
    let space = this.#spaces.get(namespace);
    if (space === undefined) {
      space = new Space();
      this.#spaces.set(namespace, space);
    }
    return space;
  }

  apply(line: Line): boolean {
    const namespace = String(line.namespace);
    switch (line.op) {
      case "put":
        return this.space(namespace).put(recordOf(line.record), line.previous as string | null);
      case "remove":
        return this.space(namespace).remove(String(line.id));
      case "clear":
        return this.#spaces.delete(namespace);
      default:
        return false;
    }
  }

  *lines(): Generator<Line> {
    for (const [namespace, space] of this.#spaces) {
      for (const record of space.records()) yield putLine(namespace, record, null);
    }
  }
}

function recordOf(columns: unknown): TokenRecord {
  const stored = columns as Record<string, unknown>;
  const record: Record<string, unknown> = {};
  for (const { property, column } of TOKEN_COLUMNS) record[property] = stored[column] ?? null;
  return record as unknown as TokenRecord;
}
