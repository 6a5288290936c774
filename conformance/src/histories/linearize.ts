// Searches for an order of the calls that explains all results: linearizability (Herlihy and Wing), by the algorithm of
// Wing and Gong with Lowe's improvements. A call takes effect at one moment between its beginning and its end. The
// history is read event by event. At each moment there is a set of configurations: what the records may be, and which
// of the calls under way have taken effect. A call that ends must have taken effect in every configuration that is
// left; if none is left, no order explains its result.
//
// A failover takes what was written shortly before, where the server may lose it: it is a call like any other, which may
// bring back any state of shortly before.
import {
  type Configuration,
  countOf,
  insert,
  keyOf,
  lostWrites,
  mayWrite,
  observe,
  type Pending,
  unique,
} from "./configuration.js";
import { goBack } from "./going-back.js";
import { isUncertain, type Operation, saysNothing } from "./operation.js";
import { apply, isSame, State } from "./state.js";

/** What a search finds. */
export interface Linearized {
  readonly anomaly?: Anomaly;
  /** The acknowledged writes that failovers took, at their fewest in the orders that were tried. */
  readonly lost: readonly Operation[];
}

/** A result that no order of the calls explains. */
export interface Anomaly {
  /** The call whose end leaves no possible order. */
  readonly unexplained: Operation;
  /** What the group may have held when that call began. */
  readonly before: readonly State[];
  /** The calls that wrote these records, as far as they are known. */
  readonly writers: readonly Operation[];
  /** The calls at the same time that the anomaly needs, by the time at which they began. */
  readonly others: readonly Operation[];
}

/** A search gives up after so many configurations, which take a minute or two, and so many more for each call. */
const MOST = 1_000_000;
const MOST_FOR_CALL = 100;

/** For how long before a failover a write may have reached the old master alone. */
export const LAG_MS = 2000;

/** The search was given up, so that it does not take hours. */
export class Undecided extends Error {
  override readonly name = "Undecided";
}

/** How many configurations a search may still try. */
class Budget {
  #left: number;

  constructor(most: number) {
    this.#left = most;
  }

  spend(): void {
    if (--this.#left < 0) throw new Undecided("There are too many possible orders.");
  }
}

/**
 * Checks the calls that concern one group.
 * @param calls in any order
 * @param most after how many configurations a search gives up
 * @returns the first anomaly, at its shortest, and what failovers took
 * @throws Undecided if there are too many possible orders
 */
export function linearize(
  calls: readonly Operation[],
  most: number = MOST + calls.length * MOST_FOR_CALL,
): Linearized {
  const start: Moment = {
    configurations: [{ state: new State([]), applied: [], lost: undefined, past: [] }],
    pending: new Map(),
  };
  // Most histories need no failover to explain them.
  const steady = eventsOf(calls.filter((call) => !isFailover(call)));
  const budget = (): Budget => new Budget(most);
  if (search(steady, start, "quick", budget()).unexplained === undefined) return { lost: [] };
  const events = eventsOf(calls);
  for (const effort of ["quick", "careful"] as const) {
    const { unexplained, configurations } = search(events, start, effort, budget());
    if (unexplained === undefined) return { lost: fewestLost(configurations) };
  }
  const { unexplained, configurations } = search(events, start, "exhaustive", budget());
  if (unexplained === undefined) return { lost: fewestLost(configurations) };
  return { anomaly: shorten(unexplained, events, start, budget), lost: [] };
}

function fewestLost(configurations: readonly Configuration[]): readonly Operation[] {
  const [fewest] = [...configurations].sort((a, b) => countOf(a.lost) - countOf(b.lost));
  return lostWrites(fewest?.lost).sort((a, b) => a.from - b.from);
}

/** Everything that is known at one moment: what came before makes no difference any more. */
interface Moment {
  readonly configurations: readonly Configuration[];
  readonly pending: Pending;
}

/**
 * How many orders are tried. Hardly ever does a history need more than the quick ones:
 * - quick: a failover came first of the calls under way, and an unknown write only where it explains a result,
 * - careful: an unknown write may have come at any time, at its last moment too, where no other call noticed,
 * - exhaustive: the same, and a failover may have come after any of the calls under way.
 */
type Effort = "quick" | "careful" | "exhaustive";

/** How a search ended: with the call that nothing explains, or with what may be stored then. */
interface Found {
  readonly unexplained?: Operation;
  readonly configurations: readonly Configuration[];
}

/**
 * Reads events until no configuration is left.
 * @param onMoment called before each event
 */
function search(
  events: readonly Event[],
  start: Moment,
  effort: Effort,
  budget: Budget,
  onMoment?: (next: Event, moment: Moment) => void,
): Found {
  const pending = new Map(start.pending);
  let configurations = start.configurations;
  const failovers = events.map(({ call }) => call).filter(isFailover);
  for (const event of events) {
    const { index, call, isEnd, at } = event;
    const mayGoBack = failovers.some(({ from, to }) => from - LAG_MS <= at && at <= to);
    const now = { pending, mayGoBack, budget };
    onMoment?.(event, { configurations, pending });
    if (!isEnd) {
      pending.set(index, call);
      if (!mayWrite(call))
        configurations = unique(configurations.map((one) => observe(one, [[index, call]])));
      continue;
    }
    if (!isUncertain(call)) configurations = applyOne(configurations, index, now, effort);
    else if (effort === "exhaustive") {
      configurations = [...configurations, ...applyOne(configurations, index, now, effort)];
    } else if (effort === "careful") {
      configurations = [
        ...configurations,
        ...configurations.flatMap((one) => outcomes(one, index, call, now)),
      ];
    }
    if (configurations.length === 0) return { unexplained: call, configurations };
    pending.delete(index);
    configurations = unique(
      configurations.map((one) => ({ ...one, applied: one.applied.filter((other) => other !== index) })),
    );
  }
  return { configurations };
}

/** What matters at a moment apart from the configurations. */
interface Now {
  readonly pending: Pending;
  /** Whether a failover may undo what happens now. */
  readonly mayGoBack: boolean;
  readonly budget: Budget;
}

/** The configurations in which this call has taken effect, after any of the others under way. */
function applyOne(
  configurations: readonly Configuration[],
  index: number,
  now: Now,
  effort: Effort,
): Configuration[] {
  const { pending } = now;
  const wanted = pending.get(index);
  const isQuick = effort === "quick" && wanted !== undefined;
  /** How many writes were lost on the best way to a configuration so far. */
  const seen = new Map<string, number>();
  const done: Configuration[] = [];
  // Fewest calls first: what two ways lead to is gone on from once, with the past of both.
  const open = new Map<number, Configuration[]>();
  const add = (one: Configuration): void => {
    const { length } = one.applied;
    const same = open.get(length);
    if (same === undefined) open.set(length, [one]);
    else same.push(one);
  };
  configurations.forEach(add);
  if (effort !== "exhaustive") {
    for (const [other, call] of pending) {
      if (isFailover(call)) configurations.flatMap((one) => outcomes(one, other, call, now)).forEach(add);
    }
  }
  while (open.size > 0) {
    const length = Math.min(...open.keys());
    const level = unique(open.get(length) ?? []);
    open.delete(length);
    for (const one of level) {
      const key = keyOf(one);
      if (countOf(one.lost) >= (seen.get(key) ?? Number.POSITIVE_INFINITY)) continue;
      seen.set(key, countOf(one.lost));
      now.budget.spend();
      if (one.applied.includes(index)) {
        done.push(one);
        continue;
      }
      const isExplained = isQuick && mayWrite(wanted) && apply(wanted, one.state) !== undefined;
      for (const [other, call] of pending) {
        if (isFailover(call) && effort !== "exhaustive") continue;
        if (isQuick && isUncertain(call) && (isExplained || !mayExplain(call, one.state, wanted))) continue;
        outcomes(one, other, call, now).forEach(add);
      }
    }
  }
  return done;
}

/**
 * Whether an unknown write may have come before this call: one that leads to the record that the call returned. Those of
 * other records may come later as well.
 */
function mayExplain(write: Operation, before: State, { outcome }: Operation): boolean {
  const record = outcome !== undefined && "value" in outcome ? outcome.value : null;
  const after = apply(write, before);
  if (record === null || after === undefined) return true;
  const [old, changed] = [before, after].map((state) => state.records.find(({ id }) => id === record.id));
  if (changed === undefined) return old !== undefined;
  return changed.revision <= record.revision && (old === undefined || !isSame(old, changed));
}

/** What becomes of a configuration if this call takes effect next; empty if it can't, or changes nothing that matters. */
function outcomes(one: Configuration, index: number, call: Operation, now: Now): Configuration[] {
  const { pending, mayGoBack } = now;
  if (one.applied.includes(index)) return [];
  if (isFailover(call)) return goBack(one, index, pending);
  const state = apply(call, one.state);
  if (state === undefined || (state === one.state && isUncertain(call))) return [];
  const applied = insert(one.applied, index);
  const write = isUncertain(call) ? undefined : call;
  const before = mayGoBack ? [{ ...one, write }] : [];
  const past = state === one.state ? one.past : before;
  return [observe({ state, applied, lost: one.lost, past }, pending)];
}

interface Event {
  /** The call's number. */
  readonly index: number;
  readonly call: Operation;
  readonly isEnd: boolean;
  readonly at: number;
}

/** The beginnings and ends of the calls, in order. Of two at the same time, the beginning comes first. */
function eventsOf(calls: readonly Operation[]): Event[] {
  const events: Event[] = [];
  for (const [index, call] of calls.entries()) {
    if (saysNothing(call)) continue;
    events.push({ index, call, isEnd: false, at: call.from });
    events.push({ index, call, isEnd: true, at: isUncertain(call) ? call.until : call.to });
  }
  return events.sort((a, b) => a.at - b.at || Number(a.isEnd) - Number(b.isEnd));
}

/** Keeps what happened from the beginning of the unexplained call on, without the calls that the anomaly does not need. */
function shorten(
  unexplained: Operation,
  events: readonly Event[],
  start: Moment,
  budget: () => Budget,
): Anomaly {
  let moment = start;
  let later = events;
  const onMoment = (next: Event, now: Moment): void => {
    if (next.call !== unexplained || next.isEnd) return;
    moment = { configurations: now.configurations, pending: new Map(now.pending) };
    later = events.slice(events.indexOf(next));
  };
  search(events, start, "exhaustive", budget(), onMoment);
  const needed = new Map(moment.pending);
  for (const { index, call, at } of later) if (at <= unexplained.to) needed.set(index, call);
  const shared = budget();
  try {
    for (const [index, call] of needed) {
      if (call === unexplained || mayWrite(call)) continue;
      const pending = new Map([...moment.pending].filter(([other]) => other !== index));
      const rest = later.filter((event) => event.index !== index);
      const found = search(rest, { ...moment, pending }, "exhaustive", shared);
      if (found.unexplained !== unexplained) continue;
      needed.delete(index);
      moment = { ...moment, pending };
      later = rest;
    }
  } catch (error) {
    if (!(error instanceof Undecided)) throw error; // an anomaly all the same, if not at its shortest
  }
  const before = [...new Map(moment.configurations.map(({ state }) => [state.key, state])).values()];
  const others = [...needed.values()].filter((call) => call !== unexplained);
  return {
    unexplained,
    before,
    writers: writersOf(before, events).filter((call) => !others.includes(call)),
    others: others.sort((a, b) => a.from - b.from),
  };
}

/** The saves that returned these records. */
function writersOf(states: readonly State[], events: readonly Event[]): Operation[] {
  const records = states.flatMap((state) => state.records);
  return events
    .filter(({ isEnd, call }) => isEnd && call.action.method === "saveToken")
    .map(({ call }) => call)
    .filter(({ outcome }) => {
      const value = outcome !== undefined && "value" in outcome ? outcome.value : null;
      return value !== null && records.some((record) => isSame(record, value));
    });
}

function isFailover({ action }: Operation): boolean {
  return action.method === "failover";
}
