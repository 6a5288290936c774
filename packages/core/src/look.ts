import type { Backend, MaybePromise } from "./backend.js";
import type { Lookup } from "./lookups.js";
import type { Recent } from "./recent.js";
import type { TokenRecord } from "./record.js";
import { isPromise } from "./time-limit.js";

/**
 * The records that the match is among. Where the first lookup led to a record before, it goes alone: one key is less
 * work for a database, and the others are needed only where that record is gone.
 * @param lookups at least one
 */
export function look(
  backend: Backend,
  lookups: readonly Lookup[],
  settles: (record: TokenRecord) => boolean,
  recent: Recent,
): MaybePromise<TokenRecord[]> {
  const first = lookups[0]!;
  if (lookups.length === 1 || !recent.hasLed(first.key)) return backend.read(lookups, settles);
  const orAll = (records: TokenRecord[]): MaybePromise<TokenRecord[]> => {
    if (records.some(settles)) return records;
    recent.missed(first.key);
    return backend.read(lookups, settles);
  };
  const found = backend.read([first], settles);
  return isPromise(found) ? found.then(orAll) : orAll(found);
}
