// Searches for an order of the calls that explains all results: linearizability (Herlihy and Wing), by the algorithm of
// Wing and Gong with Lowe's improvements. A call takes effect at one moment between its beginning and its end. The
// history is read event by event. At each moment there is a set of configurations: what the records may be, and which
// of the calls under way have taken effect. A call that ends must have taken effect in every configuration that is
// left; if none is left, no order explains its result.
import { isUncertain, type Operation, saysNothing } from "./operation.js";
import { apply, isSame, State } from "./state.js";

/** What the records may be, and which calls under way have taken effect. */
interface Configuration {
  readonly state: State;
  /** In ascending order, so that equal sets have equal text. */
  readonly applied: readonly number[];
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

/** More configurations than this at one moment: the search gives up. */
const MOST = 200_000;

/** The search was given up, so that it does not take hours. */
export class Undecided extends Error {
  override readonly name = "Undecided";
}

/**
 * Checks the calls that concern one group.
 * @param calls in any order
 * @returns the first anomaly, at its shortest
 * @throws Undecided if there are too many possible orders
 */
export function linearize(calls: readonly Operation[]): Anomaly | undefined {
  const events = eventsOf(calls);
  const start: Moment = { configurations: [{ state: new State([]), applied: [] }], pending: new Map() };
  // The quick search may miss an order, though hardly ever: then the thorough one finds it.
  if (search(events, start, { isQuick: true }) === undefined) return undefined;
  const unexplained = search(events, start);
  return unexplained && shorten(unexplained, events, start);
}

/** Everything that is known at one moment: what came before makes no difference any more. */
interface Moment {
  readonly configurations: readonly Configuration[];
  /** The calls under way, by their number. */
  readonly pending: ReadonlyMap<number, Operation>;
}

interface SearchOptions {
  /** Whether to leave out orders that hardly ever make a difference. */
  readonly isQuick?: boolean;
  /** Called before each event. */
  readonly onMoment?: (next: Event, moment: Moment) => void;
}

/**
 * Reads events until no configuration is left.
 * @returns the call whose end it was, or undefined if there always was one
 */
function search(
  events: readonly Event[],
  start: Moment,
  { isQuick = false, onMoment }: SearchOptions = {},
): Operation | undefined {
  const pending = new Map(start.pending);
  let configurations = start.configurations;
  for (const event of events) {
    const { index, call, isEnd } = event;
    onMoment?.(event, { configurations, pending });
    if (!isEnd) {
      pending.set(index, call);
      if (!mayWrite(call))
        configurations = unique(configurations.map((one) => observe(one, [[index, call]])));
      continue;
    }
    if (!isUncertain(call)) configurations = applyOne(configurations, index, pending, isQuick);
    if (configurations.length === 0) return call;
    pending.delete(index);
    configurations = unique(
      configurations.map(({ state, applied }) => ({
        state,
        applied: applied.filter((one) => one !== index),
      })),
    );
  }
  return undefined;
}

/** The configurations in which this call has taken effect, after any of the others under way. */
function applyOne(
  configurations: readonly Configuration[],
  index: number,
  pending: ReadonlyMap<number, Operation>,
  isQuick: boolean,
): Configuration[] {
  const wanted = pending.get(index);
  const isSettled = isQuick && wanted !== undefined && returnsRecord(wanted);
  const seen = new Set<string>();
  const done: Configuration[] = [];
  const open = [...configurations];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const key = keyOf(one);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > MOST) throw new Undecided(`There are more than ${MOST} possible orders.`);
    if (one.applied.includes(index)) {
      done.push(one);
      continue;
    }
    // Where the call's record is as its result says, no unknown write of it came before, and those of other records may
    // come later as well.
    const isQuiet = isSettled && apply(wanted, one.state) !== undefined;
    for (const [other, call] of pending) {
      if (one.applied.includes(other) || (isQuiet && isUncertain(call))) continue;
      const state = apply(call, one.state);
      if (state === undefined || (state === one.state && isUncertain(call))) continue;
      open.push(observe({ state, applied: insert(one.applied, other) }, pending));
    }
  }
  return done;
}

/** Counts every read and refusal as done whose result fits: since they change nothing, no order is missed. */
function observe(one: Configuration, pending: Iterable<readonly [number, Operation]>): Configuration {
  let { applied } = one;
  for (const [index, call] of pending) {
    if (applied.includes(index) || mayWrite(call)) continue;
    if (apply(call, one.state) !== undefined) applied = insert(applied, index);
  }
  return applied === one.applied ? one : { state: one.state, applied };
}

function insert(sorted: readonly number[], value: number): number[] {
  return [...sorted, value].sort((a, b) => a - b);
}

function unique(configurations: readonly Configuration[]): Configuration[] {
  return [...new Map(configurations.map((one) => [keyOf(one), one])).values()];
}

function keyOf({ state, applied }: Configuration): string {
  return `${applied.join()} ${state.key}`;
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
function shorten(unexplained: Operation, events: readonly Event[], start: Moment): Anomaly {
  let moment = start;
  let later = events;
  const onMoment = (next: Event, now: Moment): void => {
    if (next.call !== unexplained || next.isEnd) return;
    moment = { configurations: now.configurations, pending: new Map(now.pending) };
    later = events.slice(events.indexOf(next));
  };
  search(events, start, { onMoment });
  const needed = new Map(moment.pending);
  for (const { index, call, at } of later) if (at <= unexplained.to) needed.set(index, call);
  for (const [index, call] of needed) {
    if (call === unexplained || mayWrite(call)) continue;
    const pending = new Map([...moment.pending].filter(([other]) => other !== index));
    const rest = later.filter((event) => event.index !== index);
    if (search(rest, { ...moment, pending }) !== unexplained) continue;
    needed.delete(index);
    moment = { ...moment, pending };
    later = rest;
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

function returnsRecord({ outcome }: Operation): boolean {
  return outcome !== undefined && "value" in outcome && outcome.value !== null;
}

/** Without a find or a refusal, the other calls keep their meaning. Without a write they do not. */
function mayWrite(call: Operation): boolean {
  const { action, outcome } = call;
  if (action.method === "findToken" || action.method === "findTokenById") return false;
  return isUncertain(call) || outcome === undefined || "value" in outcome;
}
