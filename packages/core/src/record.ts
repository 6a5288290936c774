import { TokenStoreError } from "./errors.js";
import { FIELD_NAMES, FIELDS, makeFields, type TokenFields } from "./properties.js";

/** A stored token: what a backend keeps and returns as it was handed over. */
export interface TokenRecord extends TokenFields {
  /** Unique in the namespace; up to 255 bytes of UTF-8. */
  readonly id: string;
  /** 1 on insert, one more on each save. For people and for `ifRevision`. */
  readonly revision: number;
  /** Different for every write that was ever made. Conditional writes compare it. */
  readonly etag: string;
  /** When the record was first saved, in Unix milliseconds. */
  readonly createdAt: number;
  /** When the record was last saved, in Unix milliseconds. */
  readonly savedAt: number;
}

const INTEGERS = ["revision", "createdAt", "savedAt"] as const;
const STORED: readonly (keyof TokenRecord)[] = [...FIELD_NAMES, "etag", ...INTEGERS];

/**
 * The text in which a backend stores a record: a JSON object without what is absent. A backend stores this text
 * as it is, so that a new property of tokens changes no table.
 * @param record what to store
 * @returns JSON; well-formed Unicode without control characters
 */
export function encodeRecord(record: TokenRecord): string {
  const stored: Record<string, string | number> = {};
  for (const name of STORED) {
    const value = record[name];
    if (value !== null) stored[name] = value;
  }
  return JSON.stringify(stored);
}

/**
 * Reads what {@link encodeRecord} wrote. Properties that are unknown are left out.
 * @param text what was stored
 * @param where names the place for an error, such as `sqlite: record "1"`
 * @returns the record
 * @throws TokenStoreError `ERR_CORRUPT` where it is not a record
 */
export function decodeRecord(text: string, where: string): TokenRecord {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(text);
  } catch {
    throw corrupt(where, "it is not JSON");
  }
  if (typeof stored !== "object" || stored === null) throw corrupt(where, "it is not an object");
  const fields = makeFields((name) => {
    const value = stored[name];
    if (value === undefined || value === null) return null as never;
    const isRight = FIELDS[name].type === "integer" ? Number.isSafeInteger(value) : typeof value === "string";
    if (!isRight) throw corrupt(where, `its ${name} has the wrong type`);
    return value as never;
  });
  const integer = (name: (typeof INTEGERS)[number]): number => {
    if (!Number.isSafeInteger(stored[name])) throw corrupt(where, `its ${name} is not an integer`);
    return stored[name] as number;
  };
  const { etag } = stored;
  if (typeof etag !== "string" || fields.id === null) throw corrupt(where, "its id or etag is missing");
  return makeRecord(fields, {
    id: fields.id,
    revision: integer("revision"),
    etag,
    createdAt: integer("createdAt"),
    savedAt: integer("savedAt"),
  });
}

/** A record of these fields. Written out, as in {@link makeFields}. */
export function makeRecord(
  fields: TokenFields,
  stamp: Pick<TokenRecord, "id" | "revision" | "etag" | "createdAt" | "savedAt">,
): TokenRecord {
  return {
    id: stamp.id,
    userName: fields.userName,
    clientId: fields.clientId,
    clientSecret: fields.clientSecret,
    redirectUrl: fields.redirectUrl,
    grantToken: fields.grantToken,
    refreshToken: fields.refreshToken,
    refreshTokenExpiresAt: fields.refreshTokenExpiresAt,
    accessToken: fields.accessToken,
    expiresAt: fields.expiresAt,
    scope: fields.scope,
    tokenType: fields.tokenType,
    idToken: fields.idToken,
    apiDomain: fields.apiDomain,
    issuer: fields.issuer,
    refreshState: fields.refreshState,
    metadata: fields.metadata,
    revision: stamp.revision,
    etag: stamp.etag,
    createdAt: stamp.createdAt,
    savedAt: stamp.savedAt,
  };
}

function corrupt(where: string, what: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_CORRUPT",
    `${where} can't be read: ${what}. It was left as it is. Restore it from a backup, or delete it.`,
  );
}
