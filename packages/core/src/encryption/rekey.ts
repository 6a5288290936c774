import { isTokenStoreError, type TokenStoreErrorCode } from "../errors.js";
import { checkFunction, checkOptionNames, checkSignal, invalidOption } from "../options.js";
import type { TokenRecord } from "../record.js";
import type { TokenStore } from "../token-store.js";
import type { MasterKey } from "./master-key.js";
import { keyIdsIn } from "./sealed-records.js";
import { type StoredAccess, storedAccessOf } from "./stored-access.js";
import { type KeysInUse, keysInUse, needsOnly, pages, patiently } from "./stored-records.js";

/** How many records are written at a time. */
const AT_ONCE = 8;
/** Processes that seal with the old key meanwhile make another pass necessary, but not for ever. */
const MOST_PASSES = 5;
/** How many unreadable records a report names. */
const MOST_NAMED = 100;
/** How long the backend may take to clean its files, in milliseconds. */
const COMPACT_MS = 600_000;

/** How far {@link rekey} or {@link verify} is. */
export interface RekeyProgress {
  /** The pass over all records, from 1. */
  readonly pass: number;
  /** How many records this pass has seen to. */
  readonly records: number;
  /** How many records were sealed again, in all passes. */
  readonly changed: number;
}

/** What {@link rekey} and {@link verify} take. */
export interface VerifyOptions {
  /**
   * Told after every few records: 256 at most, and 8 that are sealed again. Where it returns a promise, the next ones wait
   * for it.
   */
  readonly onProgress?: ((progress: RekeyProgress) => void | Promise<void>) | undefined;
  /** Stops between a few records: the call rejects with the signal's reason. Running it again continues. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link rekey} takes. */
export interface RekeyOptions extends VerifyOptions {
  /** `"plaintext"` decrypts every record. By default they are sealed with the first key that seals. */
  readonly to?: "plaintext" | undefined;
}

/** A record that could not be opened. */
export interface UnreadableRecord {
  /** The record's id. */
  readonly id: string;
  /** Why: `ERR_KEY` or `ERR_CORRUPT`. */
  readonly code: TokenStoreErrorCode;
  /** The property that could not be opened. */
  readonly property: string | undefined;
  /** What happened and what to do. */
  readonly message: string;
}

/** What {@link rekey} did. */
export interface RekeyReport {
  /** Whether every record is as it was asked for now. Otherwise run it again, after you have seen to `unreadable`. */
  readonly isComplete: boolean;
  /** How many records there are. */
  readonly records: number;
  /** How many of them were sealed again. */
  readonly changed: number;
  /** The records that could not be opened, the first 100. They were left as they are. */
  readonly unreadable: readonly UnreadableRecord[];
  /** What the records need now. */
  readonly inUse: KeysInUse;
  /** Whether the backend removed the old values from its own files: false where they are a server's. */
  readonly isCompacted: boolean;
}

/** What {@link verify} found. */
export interface VerifyReport {
  /** Whether every record can be opened with the first key that seals, and needs no other. */
  readonly isComplete: boolean;
  /** How many records there are. */
  readonly records: number;
  /** The records of which that is not so, the first 100. */
  readonly unreadable: readonly UnreadableRecord[];
}

/**
 * Seals every record with the first key that seals, while programs go on saving. Records that are sealed with it
 * already are left alone, so that it can be stopped at any time and run again. Revisions and times stay.
 * @param store a store with the option `encryption`
 * @param options where to, progress, and a signal that stops it
 * @returns what was done, and what is left
 * @throws TokenStoreError as any call of the store
 */
export async function rekey(store: TokenStore, options: RekeyOptions = {}): Promise<RekeyReport> {
  checkOptionNames("rekey", options, ["to", "onProgress", "signal"]);
  checkSignal(options.signal);
  checkFunction("onProgress", options.onProgress);
  const { to } = options;
  if (to !== undefined && to !== "plaintext") throw invalidOption('to must be "plaintext", or left out.');
  const access = storedAccessOf(store);
  const key = to === "plaintext" ? null : await sealingKey(access);
  const target = key?.id ?? null;
  if (key === null && access.requireEncrypted) {
    throw invalidOption('This store has requireEncrypted, which forbids to: "plaintext". Open it without.');
  }
  let changed = 0;
  let records = 0;
  let unreadable: UnreadableRecord[] = [];
  for (let pass = 1; pass <= MOST_PASSES; pass++) {
    const before = changed;
    unreadable = [];
    records = 0;
    for await (const page of pages(access, options.signal)) {
      const old = page.filter((record) => !needsOnly(record, target));
      let at = 0;
      do {
        options.signal?.throwIfAborted();
        const some = old.slice(at, at + AT_ONCE).map((record) => resealOne(access, record, key));
        for (const outcome of await Promise.all(some)) {
          if (outcome === "changed") changed++;
          else if (outcome !== "unneeded" && unreadable.length < MOST_NAMED) unreadable.push(outcome);
        }
        at += AT_ONCE;
        if (at >= old.length) records += page.length;
        await options.onProgress?.({ pass, records, changed });
      } while (at < old.length);
    }
    if (changed === before) break;
  }
  const inUse = await keysInUse(store);
  const isComplete =
    unreadable.length === 0 &&
    inUse.damaged === 0 &&
    (target === null || inUse.plaintext === 0) &&
    Object.keys(inUse.keys).every((id) => id === target);
  const isCompacted = isComplete && (await compact(access));
  return { isComplete, records, changed, unreadable, inUse, isCompacted };
}

/**
 * Opens every record with the first key that seals, and with no other.
 * @param store a store with the option `encryption`
 * @param options progress, and a signal that stops it
 * @returns whether the other keys can go
 * @throws TokenStoreError as any call of the store
 */
export async function verify(store: TokenStore, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptionNames("verify", options, ["onProgress", "signal"]);
  checkSignal(options.signal);
  checkFunction("onProgress", options.onProgress);
  const access = storedAccessOf(store);
  const { id: target } = await sealingKey(access);
  const unreadable: UnreadableRecord[] = [];
  let records = 0;
  for await (const page of pages(access, options.signal)) {
    for (const record of page) {
      const problem = await openWith(access, record, target);
      if (problem !== undefined && unreadable.length < MOST_NAMED) unreadable.push(problem);
    }
    records += page.length;
    await options.onProgress?.({ pass: 1, records, changed: 0 });
  }
  return { isComplete: unreadable.length === 0, records, unreadable };
}

async function compact(access: StoredAccess): Promise<boolean> {
  return access.run(async (backend, deadline) => {
    await backend.compact(deadline);
    return backend.canCompact;
  }, COMPACT_MS);
}

async function sealingKey(access: StoredAccess): Promise<MasterKey> {
  const key = await patiently(access, undefined, (backend, deadline) => backend.sealingKey(deadline));
  if (key !== null) return key;
  throw invalidOption(
    "There is no key that seals: give the store the option encryption, with one without seal: false.",
  );
}

async function resealOne(
  access: StoredAccess,
  record: TokenRecord,
  key: MasterKey | null,
): Promise<"changed" | "unneeded" | UnreadableRecord> {
  let stored: TokenRecord | undefined = record;
  for (;;) {
    if (stored === undefined || needsOnly(stored, key?.id ?? null)) return "unneeded";
    const current: TokenRecord = stored;
    try {
      const isDone = await patiently(access, undefined, async (backend, deadline) =>
        backend.reseal(await backend.openStored(current), key, deadline),
      );
      if (isDone) return "changed";
    } catch (error) {
      return unreadableRecord(current, error);
    }
    // Somebody else has saved it meanwhile, or our own write was applied and its reply lost.
    stored = await patiently(access, undefined, (backend, deadline) =>
      backend.readStored(record.id, deadline),
    );
  }
}

async function openWith(
  access: StoredAccess,
  record: TokenRecord,
  target: string,
): Promise<UnreadableRecord | undefined> {
  const other = [...keyIdsIn(record)].find((id) => id !== target && id !== undefined);
  if (other !== undefined) {
    const what = other === null ? "is in plaintext" : `needs the key ${JSON.stringify(other)}`;
    const message = `The record ${JSON.stringify(record.id)} ${what}. Run rekey.`;
    return { id: record.id, code: "ERR_KEY", property: undefined, message };
  }
  try {
    await patiently(access, undefined, (backend) => backend.openStored(record));
    return undefined;
  } catch (error) {
    return unreadableRecord(record, error);
  }
}

/** @throws the error where it is about anything but this record */
function unreadableRecord({ id }: TokenRecord, error: unknown): UnreadableRecord {
  if (!isTokenStoreError(error) || error.retryable) throw error;
  const { code, property, message } = error;
  if (code !== "ERR_KEY" && code !== "ERR_CORRUPT" && code !== "ERR_SCHEMA") throw error;
  return { id, code, property, message };
}
