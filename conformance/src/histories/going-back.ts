// What a failover may bring back: any state of shortly before, since the new master need not have what was written last.
import {
  type Configuration,
  countOf,
  insert,
  mayWrite,
  observe,
  type Past,
  type Pending,
  type Writes,
} from "./configuration.js";
import type { Operation } from "./operation.js";

/** A way back, with the acknowledged writes that are undone on it. */
interface WayBack {
  readonly to: Past;
  readonly undone: Writes | undefined;
  /** Those of them that had ended, so that the new master does not get them either. */
  readonly ended: Writes | undefined;
}

/**
 * What becomes of a configuration by a failover.
 * @param index the failover's number
 */
export function goBack(one: Configuration, index: number, pending: Pending): Configuration[] {
  return [...waysBack(one, pending)].flatMap((way) => afterIt(one, way, index, pending));
}

/** The ways to everything that may come back, without those on which more is undone than on others. */
function* waysBack({ past }: Configuration, pending: Pending): Generator<WayBack> {
  const underWay = new Set(pending.values());
  const known = new Map<Past, WayBack[]>();
  const open = past.map((to) => step(to, undefined, underWay));
  for (const way of open) {
    const { to, undone, ended } = way;
    const others = known.get(to) ?? [];
    const isWorse = others.some(
      (other) => countOf(other.undone) <= countOf(undone) && countOf(other.ended) <= countOf(ended),
    );
    if (isWorse) continue;
    known.set(to, [...others, way]);
    yield way;
    for (const before of to.past) open.push(step(before, way, underWay));
  }
}

function step(to: Past, from: WayBack | undefined, underWay: ReadonlySet<Operation>): WayBack {
  const { write } = to;
  if (write === undefined) return { to, undone: from?.undone, ended: from?.ended };
  const undone = withMore(from?.undone, write);
  return { to, undone, ended: underWay.has(write) ? from?.ended : withMore(from?.ended, write) };
}

function withMore(more: Writes | undefined, write: Operation): Writes {
  return { write, more, count: countOf(more) + 1 };
}

/** Of the calls under way, the old master has answered all, or the new one gets the writes that were undone. */
function afterIt(
  one: Configuration,
  { to, undone, ended }: WayBack,
  index: number,
  pending: Pending,
): Configuration[] {
  const after = (calls: readonly number[], writes: Writes | undefined): Configuration => {
    const lost = { writes, before: to.lost, count: countOf(writes) + countOf(to.lost) };
    return observe({ state: to.state, applied: insert(calls, index), lost, past: [] }, pending);
  };
  const answered: number[] = [];
  const kept: number[] = [];
  for (const [other, call] of pending) {
    const hasTaken = to.applied.includes(other);
    if (!hasTaken && !one.applied.includes(other)) continue;
    answered.push(other);
    if (hasTaken || !mayWrite(call)) kept.push(other);
  }
  const all = after(answered, undone);
  return kept.length === answered.length ? [all] : [all, after(kept, ended)];
}
