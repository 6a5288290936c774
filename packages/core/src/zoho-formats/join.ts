import { randomUUID } from "node:crypto";
import type { TokenFields } from "../fields.js";
import { keysOf, type Lookup, lookupsFor, type RecordKeys, uniqueLookups } from "../lookups.js";
import type { TokenRecord } from "../record.js";
import { isCompatible, matchOf, mergeFields, sharedProperty } from "../rules.js";
import { fieldsOf } from "../token.js";
import type { Problem, ZohoRead } from "./read.js";

/** A record ready for a backend's `insert`. */
export interface JoinedEntry {
  /** The record, at revision 1. */
  readonly record: TokenRecord;
  /** What leads to it. */
  readonly keys: RecordKeys;
}

/** What became of the rows that were read: each is in a record or among the problems. */
export interface Joined {
  /** In the order in which they stood; no id and no unique key comes twice. */
  readonly entries: JoinedEntry[];
  /** The lines that could not be read, and those that could not be joined. */
  readonly problems: Problem[];
}

/** A record in the making. */
interface Draft extends TokenRecord {
  /** The first row that is in it. */
  readonly where: string;
}

/**
 * Makes records of the tokens that were read. The SDKs' stores leave several rows for one user: those that are
 * compatible become one, by the rules of a save. The newer row's values win, and it fills its gaps from the
 * older one. Newer is the one that expires later, where both say when; otherwise the one further down. The
 * record has the id of the first of them; a row whose id another user's or client's row has gets a new one. A row
 * that can't be joined is in `problems`, with the row it met.
 * @param read what a reader found
 * @returns the records, and what is in none of them
 */
export function joinTokens(read: ZohoRead): Joined {
  const problems = [...read.problems];
  const index = new Index();
  // in the past, one by one, so that the order of the rows stays
  let time = Date.now() - read.rows.length;
  for (const { where, token } of read.rows) {
    const given = fieldsOf(token);
    const problem = put(index, given, where, time++);
    if (problem !== undefined) problems.push({ where, reason: problem });
  }
  return { entries: index.entries(), problems };
}

/** @returns what stands in the way, with nothing changed; or undefined */
function put(index: Index, given: TokenFields, where: string, time: number): string | undefined {
  const match = matchOf(index.read(lookupsFor(given, true)), given, true);
  // A save goes by the id alone, but the SDKs' stores deal one id out twice where two processes save at once. Nobody
  // can tell the two by it: the later row gets another.
  if (match !== undefined && !isCompatible(match, given)) {
    return put(index, { ...given, id: null }, where, time);
  }
  let draft: Draft = {
    ...given,
    id: given.id ?? randomUUID(),
    revision: 1,
    etag: randomUUID(),
    createdAt: time,
    savedAt: time,
    where,
  };
  let keys = keysOf(draft);
  const absorbed: Draft[] = [];
  let other = match;
  while (other !== undefined) {
    if (!isCompatible(other, draft)) return conflict(sharedProperty(draft, other) ?? "values", other);
    draft = join(other, draft);
    keys = keysOf(draft);
    absorbed.push(other);
    other = index.read(uniqueLookups(draft, keys)).find((record) => !absorbed.includes(record));
  }
  // without a match nothing may be shared either: what is, belongs to another user or client
  const [holder] = absorbed.length > 0 ? [] : index.read(uniqueLookups(draft, keys));
  if (holder !== undefined) return conflict(sharedProperty(draft, holder) ?? "values", holder);
  for (const record of absorbed) index.drop(record);
  index.add(draft, keys);
  return undefined;
}

/** One record of two, where `second` was met later. */
function join(first: Draft, second: Draft): Draft {
  const isOlder = first.expiresAt !== null && second.expiresAt !== null && second.expiresAt < first.expiresAt;
  const [older, newer] = isOlder ? [second, first] : [first, second];
  const earliest = first.createdAt <= second.createdAt ? first : second;
  return {
    ...mergeFields(older, newer),
    id: earliest.id,
    revision: 1,
    etag: second.etag,
    createdAt: earliest.createdAt,
    savedAt: Math.max(first.savedAt, second.savedAt),
    where: earliest.where,
  };
}

function conflict(property: string, holder: Draft): string {
  const what = property === "userSignature" ? "user and client" : property;
  return `the same ${what} as ${holder.where}, which is another user's or another client's`;
}

/** Drafts by id and by key, as a backend has them. */
class Index {
  readonly #byLookup = new Map<string, Draft>();
  readonly #keys = new Map<Draft, RecordKeys>();

  read(lookups: readonly Lookup[]): Draft[] {
    return lookups.flatMap(({ kind, key }) => this.#byLookup.get(`${kind} ${key}`) ?? []);
  }

  add(draft: Draft, keys: RecordKeys): void {
    this.#keys.set(draft, keys);
    for (const way of waysTo(draft, keys)) this.#byLookup.set(way, draft);
  }

  drop(draft: Draft): void {
    const keys = this.#keys.get(draft)!;
    this.#keys.delete(draft);
    for (const way of waysTo(draft, keys)) {
      if (this.#byLookup.get(way) === draft) this.#byLookup.delete(way);
    }
  }

  entries(): JoinedEntry[] {
    return [...this.#keys]
      .sort(([a], [b]) => a.createdAt - b.createdAt)
      .map(([{ where: _, ...record }, keys]) => ({ record, keys }));
  }
}

function waysTo(draft: Draft, keys: RecordKeys): string[] {
  const ways = uniqueLookups(draft, keys).map(({ kind, key }) => `${kind} ${key}`);
  // the user's record that was met last, for a row without a client
  if (keys.user !== null) ways.push(`user ${keys.user}`);
  return ways;
}
