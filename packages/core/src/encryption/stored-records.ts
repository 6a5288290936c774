// Reading a store as it is stored, page by page, without opening anything.
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Cursor } from "../backend.js";
import { isTokenStoreError } from "../errors.js";
import type { TokenRecord } from "../record.js";
import type { TokenStore } from "../token-store.js";
import { keyIdsIn } from "./sealed-records.js";
import { type StoredAccess, storedAccessOf } from "./stored-access.js";

/** How many records are read at a time. */
const PAGE = 256;
/** How often a call that found the backend away is made again. */
const MOST_ATTEMPTS = 6;

/** Which keys the records of a store need. */
export interface KeysInUse {
  /** How many records there are. */
  readonly records: number;
  /** How many records need the key with this id. */
  readonly keys: Readonly<Record<string, number>>;
  /** How many records have a value in plaintext. */
  readonly plaintext: number;
  /** How many records have a value that names no key: it is damaged, or a later version wrote it. */
  readonly damaged: number;
}

/**
 * Counts the records by the keys that they need. A key of which none is counted can go.
 * @param store any store; it needs no keys for this
 * @returns the counts
 * @throws TokenStoreError as any call of the store
 */
export async function keysInUse(store: TokenStore): Promise<KeysInUse> {
  const keys: Record<string, number> = Object.create(null);
  const counts = { records: 0, plaintext: 0, damaged: 0 };
  for await (const page of pages(storedAccessOf(store), undefined)) {
    counts.records += page.length;
    for (const record of page) {
      for (const id of keyIdsIn(record)) {
        if (id === null) counts.plaintext++;
        else if (id === undefined) counts.damaged++;
        else keys[id] = (keys[id] ?? 0) + 1;
      }
    }
  }
  return { ...counts, keys: { ...keys } };
}

/** A record as it is stored: secrets and metadata may be sealed. */
export interface StoredRecord {
  /** The record, not opened. */
  readonly record: TokenRecord;
  /** The ids of the keys that its values need; null for plaintext, undefined for a value that names no key. */
  readonly keyIds: ReadonlySet<string | null | undefined>;
}

/**
 * Goes through a store in bounded memory without opening anything, for tools that have no keys.
 * @param store any store on `BaseTokenStore`
 * @param signal ends it between two pages
 * @returns every record, oldest first
 * @throws TokenStoreError as any call of the store
 */
export async function* storedRecords(
  store: TokenStore,
  signal?: AbortSignal,
): AsyncGenerator<StoredRecord, void, undefined> {
  for await (const page of pages(storedAccessOf(store), signal)) {
    for (const record of page) yield { record, keyIds: keyIdsIn(record) };
  }
}

/** Whether all values of a stored record are sealed with one key; or, for null, in plaintext. */
export function needsOnly(stored: TokenRecord, keyId: string | null): boolean {
  return [...keyIdsIn(stored)].every((id) => id === keyId);
}

/** All records as they are stored, page by page. */
export async function* pages(
  access: StoredAccess,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly TokenRecord[]> {
  let after: Cursor | null = null;
  for (;;) {
    const place: Cursor | null = after;
    const page: readonly TokenRecord[] = await patiently(access, signal, (backend, deadline) =>
      backend.scanStored(place, PAGE, deadline),
    );
    if (page.length > 0) yield page;
    const last = page[PAGE - 1];
    if (last === undefined) return;
    after = { createdAt: last.createdAt, id: last.id };
    await nextTurn(); // A backend that answers at once would let nothing else run: no timer, no Ctrl-C.
  }
}

/** Makes a call again while the backend is away, as far as that may pass soon. Rekeying twice does no harm. */
export async function patiently<T>(
  access: StoredAccess,
  signal: AbortSignal | undefined,
  work: Parameters<typeof access.run<T>>[0],
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await access.run(work);
    } catch (error) {
      if (!isTokenStoreError(error) || !error.retryable || attempt === MOST_ATTEMPTS) throw error;
      await sleep(2 ** attempt * 100, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    }
  }
}
