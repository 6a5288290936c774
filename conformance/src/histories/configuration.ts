// What a search for an order of the calls knows at one moment.
import { isUncertain, type Operation } from "./operation.js";
import { apply, type State } from "./state.js";

/** What the records may be, and which calls under way have taken effect. */
export interface Configuration {
  readonly state: State;
  /** The numbers of the calls, in ascending order, so that equal sets have equal text. */
  readonly applied: readonly number[];
  /** What failovers took, on the way here on which they took the least. */
  readonly lost: Lost | undefined;
  /** What was there just before, on every way here, where a failover may bring it back. */
  readonly past: readonly Past[];
}

/** A configuration that a failover may bring back. */
export interface Past extends Configuration {
  /** The write that led on from here; absent if it was not acknowledged. */
  readonly write: Operation | undefined;
}

/** The acknowledged writes that failovers took. */
export interface Lost {
  /** Those of the last one. */
  readonly writes: Writes | undefined;
  /** Those of the failovers before. */
  readonly before: Lost | undefined;
  /** How many they are in all. */
  readonly count: number;
}

/** A list of writes, whose end other lists share. */
export interface Writes {
  readonly write: Operation;
  readonly more: Writes | undefined;
  readonly count: number;
}

export function countOf(list: Lost | Writes | undefined): number {
  return list?.count ?? 0;
}

export function lostWrites(lost: Lost | undefined): Operation[] {
  const all: Operation[] = [];
  for (let each = lost; each !== undefined; each = each.before) {
    for (let at = each.writes; at !== undefined; at = at.more) all.push(at.write);
  }
  return all;
}

/** The calls under way, by their number. */
export type Pending = ReadonlyMap<number, Operation>;

/** Counts every read and refusal as done whose result fits: since they change nothing, no order is missed. */
export function observe(one: Configuration, pending: Iterable<readonly [number, Operation]>): Configuration {
  let { applied } = one;
  for (const [index, call] of pending) {
    if (applied.includes(index) || mayWrite(call)) continue;
    if (apply(call, one.state) !== undefined) applied = insert(applied, index);
  }
  return applied === one.applied ? one : { ...one, applied };
}

/** Without a find or a refusal, the other calls keep their meaning. Without a write they do not. */
export function mayWrite(call: Operation): boolean {
  const { action, outcome } = call;
  if (action.method === "findToken" || action.method === "findTokenById") return false;
  return isUncertain(call) || outcome === undefined || "value" in outcome;
}

export function insert(sorted: readonly number[], value: number): number[] {
  return [...sorted, value].sort((a, b) => a - b);
}

/** One configuration in place of several with the same records and calls. */
export function unique(configurations: readonly Configuration[]): Configuration[] {
  const byKey = new Map<string, Configuration>();
  for (const one of configurations) {
    const key = keyOf(one);
    const other = byKey.get(key);
    byKey.set(key, other === undefined ? one : merged(one, other));
  }
  return [...byKey.values()];
}

/** The one with the fewest writes lost, and with the past of both. */
function merged(one: Configuration, other: Configuration): Configuration {
  const best = countOf(other.lost) < countOf(one.lost) ? other : one;
  const worse = best === one ? other : one;
  const hasAll = worse.past === best.past || worse.past.length === 0;
  return hasAll ? best : { ...best, past: [...new Set([...best.past, ...worse.past])] };
}

export function keyOf({ state, applied }: Configuration): string {
  return `${applied.join()} ${state.key}`;
}
