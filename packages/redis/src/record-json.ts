import { TOKEN_COLUMNS, type TokenRecord, TokenStoreError } from "@tokenkeep/core";

const PROPERTIES = TOKEN_COLUMNS.map(({ property }) => property);
/** Those that a record can't be without. */
const NEEDED = ["id", "revision", "etag", "createdAt", "savedAt"] as const;

/** A record as it is stored: JSON of its properties, in an order to be read; what is absent is left out. */
export function toJson(record: TokenRecord): string {
  const stored: Record<string, string | number> = {};
  for (const property of PROPERTIES) {
    const value = record[property];
    if (value !== null) stored[property] = value;
  }
  return JSON.stringify(stored);
}

/**
 * @param text what is stored
 * @param place the key that it was read from, for the error
 * @throws TokenStoreError `ERR_CORRUPT`
 */
export function fromJson(text: string, place: string): TokenRecord {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    // no cause: the message of a SyntaxError shows what it could not parse
    throw corrupt(place, "a record is not JSON");
  }
  if (typeof stored !== "object" || stored === null) throw corrupt(place, "a record is not a JSON object");
  const source = stored as Readonly<Record<string, unknown>>;
  const record: Record<string, unknown> = {};
  for (const { property, type } of TOKEN_COLUMNS) {
    const value = source[property] ?? null;
    const fits =
      value === null || (type === "string" ? typeof value === "string" : Number.isSafeInteger(value));
    if (!fits) throw corrupt(place, `${property} of a record is not a ${type}`, source.id);
    record[property] = value;
  }
  for (const property of NEEDED) {
    if (record[property] === null) throw corrupt(place, `a record has no ${property}`, source.id);
  }
  return record as unknown as TokenRecord;
}

export function corrupt(place: string, what: string, id?: unknown): TokenStoreError {
  const which = typeof id === "string" ? ` (id ${JSON.stringify(id)})` : "";
  return new TokenStoreError(
    "ERR_CORRUPT",
    `redis: ${what}${which}, in the key ${place}. Nothing was changed. Restore it from a backup, or remove it.`,
    typeof id === "string" ? { id } : {},
  );
}
