import { BoundedMap } from "./bounded-map.js";
import type { TokenFields } from "./fields.js";
import type { Lookup } from "./lookups.js";
import type { TokenRecord } from "./record.js";

/** How long a record is good for: longer than a refresh takes, short enough that seldom another process saves meanwhile. */
const FRESH_MS = 10_000;
/** How many entries there are, two for most records; and how long a record's texts are, all together. */
const MOST_ENTRIES = 2000;
const MOST_CHARACTERS = 16_384;

/**
 * The records that were found or saved here a moment ago, and which keys led to them. A save of one of them goes
 * straight to its conditional write, which the backend refuses where the record has changed since: so the usual find,
 * refresh and save need no second read. Nothing is ever found here.
 */
export class Recent {
  /** By id, and by the key of the user with its client. */
  readonly #seen = new BoundedMap<Seen>(MOST_ENTRIES);

  /** @param userClient its key of a user with a client, or null where that is not known */
  remember(record: TokenRecord, userClient: string | null): void {
    if (lengthOf(record) > MOST_CHARACTERS) {
      this.forget(record.id);
      return;
    }
    const seen = this.#seen.get(record.id) ?? new Seen();
    seen.record = record;
    seen.until = performance.now() + FRESH_MS;
    this.#seen.set(record.id, seen);
    if (userClient !== null) this.#seen.set(userClient, seen);
  }

  /**
   * The record that a save is for, where there is no doubt: its id is given or, without one, its user and client.
   * @param ways where to look for the match of `given`
   */
  matchOf(given: TokenFields, ways: readonly Lookup[]): TokenRecord | undefined {
    for (const { kind, key } of ways) {
      if (kind !== "id" && kind !== "userClient") return undefined;
      const record = this.#seen.get(key)?.fresh;
      if (record !== undefined && isMatch(record, given)) return record;
    }
    return undefined;
  }

  /** Whether this key, or id, led to a record when it was asked for last. It need not be a moment ago. */
  hasLed(key: string): boolean {
    return this.#seen.get(key)?.record !== undefined;
  }

  /** It leads there no more. */
  missed(key: string): void {
    this.#seen.delete(key);
  }

  /** The record may have changed, or be gone. */
  forget(id: string): void {
    const seen = this.#seen.get(id);
    if (seen !== undefined) seen.record = undefined;
  }

  forgetAll(): void {
    this.#seen.clear();
  }
}

class Seen {
  record: TokenRecord | undefined;
  /** By `performance.now()`. */
  until = 0;

  get fresh(): TokenRecord | undefined {
    return performance.now() < this.until ? this.record : undefined;
  }
}

/** Whether no other record can be the match (contract 2.2, 2.5). */
function isMatch(record: TokenRecord, given: TokenFields): boolean {
  if (given.id !== null) return given.id === record.id;
  return given.userName === record.userName && given.clientId === record.clientId;
}

function lengthOf(record: TokenRecord): number {
  let length = 0;
  for (const text of [
    record.userName,
    record.clientId,
    record.clientSecret,
    record.redirectUrl,
    record.grantToken,
    record.refreshToken,
    record.accessToken,
    record.apiDomain,
  ]) {
    if (text !== null) length += text.length;
  }
  return length;
}
