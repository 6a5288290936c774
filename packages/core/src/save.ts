import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, MaybePromise } from "./backend.js";
import { TokenStoreError } from "./errors.js";
import type { TokenFields } from "./fields.js";
import { look } from "./look.js";
import { keysOf, type Lookup, uniqueLookups } from "./lookups.js";
import type { Recent } from "./recent.js";
import type { TokenRecord } from "./record.js";
import { hasToken, isDecisive, matchOf, mergeFields, sharedProperty, takenError } from "./rules.js";
import { isPromise, type TimeLimit } from "./time-limit.js";
import type { SaveOptions } from "./token-store.js";

/** The longest pause before a save that lost a race tries again, in milliseconds. */
const MAX_BACKOFF_MS = 64;

/** What one call to save asks for. */
interface Saving {
  readonly given: TokenFields;
  /** Where to look for the match of `given`. */
  readonly ways: readonly Lookup[];
  readonly ifRevision: number | undefined;
  readonly limit: TimeLimit;
  readonly recent: Recent;
  /** Gets every record that is handed to the backend: their secrets may turn up in its errors. */
  readonly seen: TokenFields[];
}

/**
 * Saves (contract section 3): looks for the match, writes on condition that nothing changed meanwhile, and
 * does both again where something did.
 */
export async function save(backend: Backend, saving: Saving): Promise<TokenRecord> {
  const { given, ways, ifRevision, limit, recent, seen } = saving;
  limit.check(); // the turn may have come too late
  const first = firstLook(backend, saving);
  let records = isPromise(first) ? await first : first;
  let refused: TokenRecord | undefined;
  for (let attempt = 1; ; attempt++) {
    limit.check();
    if (refused !== undefined) {
      // our own write, of which only the reply was lost
      const mine = records.find((record) => record.etag === refused?.etag);
      if (mine !== undefined) return mine;
    }
    const match = matchOf(records, given, true);
    checkCondition(ifRevision, match);
    const record = match === undefined ? newRecord(given) : nextRecord(match, given);
    const keys = keysOf(record);
    if (refused !== undefined) {
      const holder = records.find((other) => other.id !== match?.id && sharedProperty(record, other));
      if (holder !== undefined) throw takenError(sharedProperty(record, holder) ?? "id", holder.id);
    }
    seen.push(record);
    const write = match === undefined ? backend.insert(record, keys) : backend.replace(record, keys, match);
    if (isPromise(write) ? await write : write) {
      // of a record that others save as well, what we know is soon out of date
      if (isPromise(write) && refused === undefined) recent.remember(record, keys.userClient);
      return record;
    }

    // Somebody has changed the record, or has one of its values. Look at all that could be in the way.
    refused = record;
    recent.forget(record.id);
    if (attempt > 1) await sleep(Math.random() * Math.min(2 ** attempt, MAX_BACKOFF_MS));
    limit.check();
    records = await backend.read([...ways, ...uniqueLookups(record, keys)], () => false);
  }
}

/** The records among which the match is. */
function firstLook(backend: Backend, saving: Saving): MaybePromise<TokenRecord[]> {
  const { given, ways, ifRevision, recent } = saving;
  if (ways.length === 0) return [];
  const known = backend.replacesAfterRead === true ? undefined : recent.matchOf(given, ways);
  // a revision that differs is an error only where the database says so
  if (known !== undefined && (ifRevision ?? known.revision) === known.revision) return [known];
  return look(backend, ways, (record) => isDecisive(record, given), recent);
}

function newRecord(given: TokenFields): TokenRecord {
  if (!hasToken(given)) {
    throw new TokenStoreError(
      "ERR_INVALID_TOKEN",
      "No record matches this token, and a new one needs a grantToken, a refreshToken or an accessToken.",
    );
  }
  const now = Date.now();
  return stamped(given, given.id ?? randomUUID(), 1, now, now);
}

function nextRecord(stored: TokenRecord, given: TokenFields): TokenRecord {
  return stamped(mergeFields(stored, given), stored.id, stored.revision + 1, stored.createdAt, Date.now());
}

// Every property by name: a spread that is changed afterwards takes V8 some microseconds, more than all the
// rest of a save in this process.
function stamped(
  fields: TokenFields,
  id: string,
  revision: number,
  createdAt: number,
  savedAt: number,
): TokenRecord {
  return {
    id,
    userName: fields.userName,
    clientId: fields.clientId,
    clientSecret: fields.clientSecret,
    redirectUrl: fields.redirectUrl,
    grantToken: fields.grantToken,
    refreshToken: fields.refreshToken,
    accessToken: fields.accessToken,
    expiresAt: fields.expiresAt,
    apiDomain: fields.apiDomain,
    revision,
    etag: randomUUID(),
    createdAt,
    savedAt,
  };
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkRevision(options: SaveOptions): number | undefined {
  if (typeof options !== "object" || options === null) {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "The options of saveToken must be an object.");
  }
  const { ifRevision } = options;
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 0)) {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "ifRevision must be a whole number, 0 or more.");
  }
  return ifRevision;
}

// 3.6
function checkCondition(ifRevision: number | undefined, match: TokenRecord | undefined): void {
  if (ifRevision === undefined || ifRevision === (match?.revision ?? 0)) return;
  throw new TokenStoreError(
    "ERR_CONFLICT",
    match === undefined
      ? `There is no record at revision ${ifRevision}: none matches. Nothing was saved.`
      : `The record is at revision ${match.revision}, not ${ifRevision}. Nothing was saved. ` +
          "Find it again and decide anew.",
    { property: "revision", ...(match === undefined ? {} : { id: match.id }) },
  );
}
