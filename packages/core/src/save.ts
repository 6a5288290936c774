import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend, MaybePromise } from "./backend.js";
import type { GivenFields } from "./checks.js";
import type { Deadline } from "./deadline.js";
import { isTokenStoreError, TokenStoreError } from "./errors.js";
import { keysOf, type Lookup, lookupsFor, uniqueLookups } from "./lookups.js";
import type { TokenFields } from "./properties.js";
import { makeRecord, type TokenRecord } from "./record.js";
import { hasToken, matchOf, sharedProperty, takenError } from "./rules.js";
import { applyChanges } from "./token.js";

/** The longest pause before a save that lost a race tries again, in milliseconds. */
const MAX_BACKOFF_MS = 64;

/** A call that writes, and how it reaches the backend. */
export interface Writing {
  readonly backend: Backend;
  readonly deadline: Deadline;
  /** Translates what the backend throws in a write. */
  readonly toStoreError: (error: unknown) => TokenStoreError;
  /** Collects every record that is handed to the backend: the driver's errors may quote their secrets. */
  readonly seen: TokenFields[];
}

/** What one save asks for. */
export interface Saving {
  /** Everything that is known of the token: what matches a record, and what is inserted where none matches. */
  readonly fields: TokenFields;
  /** What a record that matches is changed to (contract 3.2, 3.7). */
  readonly changes: GivenFields;
  /** The version that this is a changed copy of, which is likely to be current still. */
  readonly origin: TokenRecord | undefined;
  readonly ifRevision: number | undefined;
}

/**
 * Saves (contract section 3): finds the match, writes on condition that it did not change meanwhile, and does
 * both again where it did.
 */
export async function save(writing: Writing, saving: Saving): Promise<TokenRecord> {
  const { backend, deadline, seen } = writing;
  const { fields, changes, origin, ifRevision } = saving;
  const lookups = lookupsFor(fields, true);
  deadline.check(); // the turn may have come too late
  let refused: TokenRecord | undefined;
  let records: readonly TokenRecord[];
  // A copy that is still current needs no read. Whether it is, the conditional write finds out. Where the copy has no
  // token left, the record may have got another one since.
  const isExpected = origin !== undefined && (ifRevision ?? origin.revision) === origin.revision;
  if (isExpected && hasToken(applyChanges(origin, changes))) records = [origin];
  else records = await read(writing, lookups);
  for (let attempt = 1; ; attempt++) {
    deadline.check();
    // A driver that sends a lost write again by itself makes the second one fail on the first.
    const own = records.find(({ etag }) => etag === refused?.etag);
    if (own !== undefined) return own;
    const match = matchOf(records, fields, true);
    checkCondition(ifRevision, match);
    const record = match === undefined ? newRecord(fields) : nextRecord(match, changes);
    const keys = keysOf(record);
    if (refused !== undefined) {
      const holder = records.find((other) => other.id !== match?.id && sharedProperty(record, other));
      if (holder !== undefined) throw takenError(sharedProperty(record, holder) ?? "id", holder.id);
    }
    seen.push(record);
    const isWritten =
      match === undefined
        ? await writeOnce(writing, record.id, {
            send: () => backend.insert(record, keys, deadline),
            isApplied: (stored) => stored?.etag === record.etag,
            // Not there, it may have been inserted and deleted since: to insert it again would undo that.
            isUntouched: () => false,
          })
        : await writeOnce(writing, record.id, {
            send: () => backend.replace(record, keys, match, deadline),
            isApplied: (stored) => stored?.etag === record.etag,
            isUntouched: (stored) => stored?.etag === match.etag,
          });
    if (isWritten) return record;

    // The record has changed, or another one has a value of it. Read everything that could be in the way.
    refused = record;
    await backOff(deadline, attempt);
    records = await read(writing, [...lookups, ...uniqueLookups(record, keys)]);
  }
}

/** Deletes the record with this id, if it is at this revision (contract 4.1, 4.3). */
export async function remove(writing: Writing, id: string, ifRevision: number | undefined): Promise<void> {
  const { backend, deadline } = writing;
  for (let attempt = 1; ; attempt++) {
    const [record] = await read(writing, [{ kind: "id", key: id }]);
    if (record === undefined) return;
    if (ifRevision !== undefined) checkCondition(ifRevision, record);
    const isRemoved = await writeOnce(writing, id, {
      send: () => backend.remove(record, deadline),
      isApplied: (stored) => stored === undefined,
      isUntouched: (stored) => stored?.etag === record.etag,
    });
    if (isRemoved) return;
    await backOff(deadline, attempt);
  }
}

/** Stores a copy of another store's record, unless what is stored is as new (contract 3.8). */
export async function importRecord(writing: Writing, imported: TokenRecord): Promise<boolean> {
  const { backend, deadline, seen } = writing;
  const keys = keysOf(imported);
  const lookups = uniqueLookups(imported, keys);
  for (let attempt = 1; ; attempt++) {
    const records = await read(writing, lookups);
    const stored = records.find(({ id }) => id === imported.id);
    if (stored !== undefined && stored.savedAt >= imported.savedAt) return false;
    const holder = records.find(({ id }) => id !== imported.id);
    if (holder !== undefined) throw takenError(sharedProperty(imported, holder) ?? "id", holder.id);
    const record = { ...imported, etag: randomUUID() };
    seen.push(record);
    const isWritten = await writeOnce(writing, record.id, {
      send: () =>
        stored === undefined
          ? backend.insert(record, keys, deadline)
          : backend.replace(record, keys, stored, deadline),
      isApplied: (now) => now?.etag === record.etag,
      isUntouched: (now) => stored !== undefined && now?.etag === stored.etag,
    });
    if (isWritten) return true;
    await backOff(deadline, attempt);
  }
}

interface ConditionalWrite {
  /** Sends the write. False: its condition does not hold. */
  readonly send: () => MaybePromise<boolean>;
  /** Whether what is stored shows that it was applied. */
  readonly isApplied: (stored: TokenRecord | undefined) => boolean;
  /** Whether what is stored shows that it was not, so that it may be sent again. */
  readonly isUntouched: (stored: TokenRecord | undefined) => boolean;
}

/**
 * One conditional write, applied once or not at all (contract 7.3e). Where its reply was lost, the record itself
 * tells: each write has an etag of its own.
 * @returns false where the condition did not hold, and certainly nothing was applied
 * @throws TokenStoreError `uncertain` where another write has come since, so that nobody can know
 */
async function writeOnce(writing: Writing, id: string, write: ConditionalWrite): Promise<boolean> {
  const { deadline, toStoreError } = writing;
  let doubt: TokenStoreError | undefined;
  for (let attempt = 1; ; attempt++) {
    deadline.check();
    deadline.isWriting = true;
    try {
      const isWritten = await write.send();
      if (isWritten || doubt === undefined) {
        deadline.isWriting = false;
        return isWritten;
      }
    } catch (error) {
      const known = toStoreError(error);
      if (!known.uncertain) {
        if (doubt !== undefined) throw doubt;
        deadline.isWriting = false;
        throw known;
      }
      doubt ??= known;
      // The backend itself knows that something is missing, such as replicas that have the write.
      if (isTokenStoreError(error)) throw doubt;
    }
    deadline.doubt();
    let stored: TokenRecord | undefined;
    try {
      [stored] = await read(writing, [{ kind: "id", key: id }]);
    } catch {
      throw doubt;
    }
    if (write.isApplied(stored)) return true;
    if (!write.isUntouched(stored)) throw doubt;
    await backOff(deadline, attempt);
  }
}

function read(
  { backend, deadline }: Writing,
  lookups: readonly Lookup[],
): MaybePromise<readonly TokenRecord[]> {
  return lookups.length === 0 ? [] : backend.read(lookups, deadline);
}

async function backOff(deadline: Deadline, attempt: number): Promise<void> {
  if (attempt > 1) await sleep(Math.random() * Math.min(2 ** attempt, MAX_BACKOFF_MS));
  deadline.check();
}

function newRecord(fields: TokenFields): TokenRecord {
  if (!hasToken(fields)) {
    throw new TokenStoreError(
      "ERR_INVALID_TOKEN",
      "No record matches this token, and a new one needs a grantToken, a refreshToken or an accessToken.",
    );
  }
  const now = Date.now();
  const id = fields.id ?? randomUUID();
  return makeRecord(fields, { id, revision: 1, etag: randomUUID(), createdAt: now, savedAt: now });
}

function nextRecord(stored: TokenRecord, changes: GivenFields): TokenRecord {
  const fields = applyChanges(stored, changes);
  if (!hasToken(fields)) {
    throw new TokenStoreError(
      "ERR_INVALID_TOKEN",
      "This save would leave the record without a grantToken, a refreshToken or an accessToken. Nothing was " +
        "saved. To remove the record, call deleteToken.",
    );
  }
  const { id, createdAt, revision } = stored;
  // An import compares this time: it must tell the later of two saves, also in one millisecond, and on hosts whose
  // clocks differ.
  const savedAt = Math.max(Date.now(), stored.savedAt + 1);
  const stamp = { id, revision: revision + 1, etag: randomUUID(), createdAt, savedAt };
  return makeRecord(fields, stamp);
}

// 3.6, 4.3
function checkCondition(ifRevision: number | undefined, match: TokenRecord | undefined): void {
  if (ifRevision === undefined || ifRevision === (match?.revision ?? 0)) return;
  throw new TokenStoreError(
    "ERR_CONFLICT",
    match === undefined
      ? `There is no record at revision ${ifRevision}: none matches. Nothing was changed.`
      : `The record ${JSON.stringify(match.id)} is at revision ${match.revision}, not ${ifRevision}. Nothing was ` +
          "changed. Find it again and decide again.",
    { property: "revision", ...(match === undefined ? {} : { id: match.id }) },
  );
}
