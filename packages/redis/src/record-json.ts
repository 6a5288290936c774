import { TOKEN_COLUMNS, type TokenRecord, TokenStoreError } from "@tokenkeep/core";

const PROPERTIES = TOKEN_COLUMNS.map(({ property }) => property);

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
 * @param json what is stored
 * @param place the key that it was read from, for the error
 * @throws TokenStoreError `ERR_CORRUPT`
 */
export function fromJson(json: string, place: string): TokenRecord {
  let stored: Readonly<Record<string, unknown>>;
  try {
    stored = JSON.parse(json);
  } catch {
    // no cause: the message of a SyntaxError shows what it could not parse
    throw corrupt(place, "a record is not JSON");
  }
  if (typeof stored !== "object" || stored === null) throw corrupt(place, "a record is not a JSON object");
  try {
    // property by property, and not in a loop over their names: this is in the way of every find
    return {
      id: needed(text(stored.id, "id"), "id"),
      userName: text(stored.userName, "userName"),
      clientId: text(stored.clientId, "clientId"),
      clientSecret: text(stored.clientSecret, "clientSecret"),
      redirectUrl: text(stored.redirectUrl, "redirectUrl"),
      grantToken: text(stored.grantToken, "grantToken"),
      refreshToken: text(stored.refreshToken, "refreshToken"),
      accessToken: text(stored.accessToken, "accessToken"),
      expiresAt: integer(stored.expiresAt, "expiresAt"),
      apiDomain: text(stored.apiDomain, "apiDomain"),
      revision: needed(integer(stored.revision, "revision"), "revision"),
      etag: needed(text(stored.etag, "etag"), "etag"),
      createdAt: needed(integer(stored.createdAt, "createdAt"), "createdAt"),
      savedAt: needed(integer(stored.savedAt, "savedAt"), "savedAt"),
    };
  } catch (error) {
    throw corrupt(place, (error as TypeError).message, stored.id);
  }
}

function text(value: unknown, property: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw new TypeError(`${property} of a record is not a string`);
  return value;
}

function integer(value: unknown, property: string): number | null {
  if (value === undefined || value === null) return null;
  if (!Number.isSafeInteger(value)) throw new TypeError(`${property} of a record is not an integer`);
  return value as number;
}

function needed<T>(value: T | null, property: string): T {
  if (value === null) throw new TypeError(`a record has no ${property}`);
  return value;
}

export function corrupt(place: string, what: string, id?: unknown): TokenStoreError {
  const which = typeof id === "string" ? ` (id ${JSON.stringify(id)})` : "";
  return new TokenStoreError(
    "ERR_CORRUPT",
    `redis: ${what}${which}, in the key ${place}. Nothing was changed. Restore it from a backup, or remove it.`,
    typeof id === "string" ? { id } : {},
  );
}
