import { TokenStoreError } from "../errors.js";
import { FIELD_NAMES, FIELDS } from "../properties.js";
import type { TokenRecord } from "../record.js";
import {
  type Envelope,
  escapePlaintext,
  keyIdOf,
  parseEnvelope,
  plaintextIn,
  ValueKeys,
} from "./envelope.js";
import type { MasterKey } from "./master-key.js";
import type { RecentKeys } from "./recent-keys.js";

/** The properties that are sealed: the secrets, and the metadata, which may hold some. */
export type SealedProperty =
  | "clientSecret"
  | "grantToken"
  | "refreshToken"
  | "accessToken"
  | "idToken"
  | "metadata";

/** Their names. */
export const SEALED_PROPERTIES: readonly SealedProperty[] = FIELD_NAMES.filter(
  (name): name is SealedProperty => FIELDS[name].isSecret,
);

/** How to open a record. */
export interface Opening {
  readonly namespace: string;
  /** The key of this id, which is known by now, and whether its check value showed that it is the right one. */
  readonly keyOf: (id: string) => { readonly key: MasterKey; readonly isVerified: boolean };
  readonly requireEncrypted: boolean;
  readonly recent: RecentKeys;
}

/** A record as it is stored with this key: every save seals all values anew, under a new salt. */
export function sealRecord(
  record: TokenRecord,
  key: MasterKey,
  namespace: string,
  recent?: RecentKeys,
): TokenRecord {
  const keys = ValueKeys.create(key);
  recent?.add(keys);
  const context = contextOf(record, namespace);
  return mapValues(record, (value, property) => keys.seal(property, context, value));
}

/** A record as it is stored without a key that seals. */
export function escapeRecord(record: TokenRecord): TokenRecord {
  return mapValues(record, escapePlaintext);
}

/** The ids of the keys that a stored record's values name: null for plaintext, undefined where one names none. */
export function keyIdsIn(record: TokenRecord): Set<string | null | undefined> {
  const ids = new Set<string | null | undefined>();
  for (const property of SEALED_PROPERTIES) {
    const value = record[property];
    if (value !== null) ids.add(keyIdOf(value));
  }
  return ids;
}

/**
 * The record in a stored one.
 * @throws TokenStoreError `ERR_KEY` for a wrong key, or plaintext that is not allowed; `ERR_CORRUPT` for a value that
 *   was changed or moved; `ERR_SCHEMA` for one that a later version sealed
 */
export function openRecord(stored: TokenRecord, opening: Opening): TokenRecord {
  // Plaintext needs no context. The values of one save share it, and their keys.
  let context: string | undefined;
  let keys: ValueKeys | undefined;
  return mapValues(stored, (value, property) => {
    const plaintext = plaintextIn(value);
    if (plaintext !== undefined) {
      if (opening.requireEncrypted) throw notEncrypted(stored, property);
      return plaintext;
    }
    const envelope = parseEnvelope(value);
    if (envelope === "unknown") throw laterVersion(stored, property);
    if (envelope === undefined) throw damaged(stored, property);
    if (keys?.header !== envelope.header) keys = keysFor(envelope, stored, property, opening);
    context ??= contextOf(stored, opening.namespace);
    const opened = keys.open(property, context, envelope);
    if (opened === undefined) throw damaged(stored, property);
    return opened;
  });
}

function keysFor(envelope: Envelope, stored: TokenRecord, property: string, opening: Opening): ValueKeys {
  const known = opening.recent.get(envelope.header);
  if (known !== undefined) return known;
  const { key, isVerified } = opening.keyOf(envelope.keyId);
  const keys = ValueKeys.derive(key, envelope.salt);
  if (keys.commitment === envelope.commitment) {
    // A header that is spelt in another way would not be found, and only take room.
    if (keys.header === envelope.header) opening.recent.add(keys);
    return keys;
  }
  throw isVerified ? damaged(stored, property) : wrongKey(stored, property, key.id);
}

/** What a value is bound to besides its key and its property. */
function contextOf(record: TokenRecord, namespace: string): string {
  const { id, userName, clientId, issuer, apiDomain } = record;
  return JSON.stringify([namespace, id, userName, clientId, issuer, apiDomain]);
}

function mapValues(
  record: TokenRecord,
  map: (value: string, property: SealedProperty) => string,
): TokenRecord {
  let changed: { [property in SealedProperty]?: string } | undefined;
  for (const property of SEALED_PROPERTIES) {
    const value = record[property];
    if (value === null) continue;
    const mapped = map(value, property);
    if (mapped === value) continue;
    changed ??= {};
    changed[property] = mapped;
  }
  return changed === undefined ? record : { ...record, ...changed };
}

const nameOf = ({ id }: TokenRecord): string => `record ${JSON.stringify(id)}`;

function damaged(record: TokenRecord, property: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_CORRUPT",
    `The ${property} of ${nameOf(record)} can't be decrypted: it, or the record's user, client, issuer or apiDomain, ` +
      "was changed outside of the store. It was left as it is. Restore the record from a backup, or delete it in the " +
      "database.",
    { property, id: record.id },
  );
}

function wrongKey(record: TokenRecord, property: string, keyId: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_KEY",
    `The key ${JSON.stringify(keyId)} has other bytes than the one that sealed the ${property} of ${nameOf(record)}. ` +
      "Give the right key under this id. Nothing was changed.",
    { property, id: record.id },
  );
}

function notEncrypted(record: TokenRecord, property: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_KEY",
    `The ${property} of ${nameOf(record)} is stored in plaintext, which requireEncrypted does not allow. ` +
      "If that is expected, run rekey without requireEncrypted first. Nothing was changed.",
    { property, id: record.id },
  );
}

function laterVersion(record: TokenRecord, property: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_SCHEMA",
    `The ${property} of ${nameOf(record)} was sealed by a later version. Update @tokenkeep/core. Nothing was changed.`,
    { property, id: record.id },
  );
}
