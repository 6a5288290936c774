import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import {
  type Deadline,
  grantLease,
  type LeaseState,
  type Leases,
  opaqueKey,
  releaseLease,
  renewLease,
} from "@tokenkeep/core/backend";
import type { Line } from "./log/line.js";
import { Log } from "./log/log.js";
import type { State } from "./log/state.js";

/**
 * Leases as lines of a log of their own, which is created with the first lock. They need not survive a power cut, so
 * the log is not flushed.
 */
export class FileLeases implements Leases {
  readonly #namespace: string;
  readonly #now: () => Time;
  #log: Log<LockState> | undefined;
  /** Since when this process has seen a term of an unknown clock unchanged: by key and version. */
  readonly #watched = new Map<string, Map<string, number>>();

  /** @param now the time; tests have other clocks */
  constructor(namespace: string, now: () => Time = machineTime) {
    this.#namespace = namespace;
    this.#now = now;
  }

  /** @param like the file of the tokens: whoever may use it needs the locks as well */
  open(path: string, like: string): void {
    this.#log = new Log(path, {
      kind: "locks",
      newState: () => new LockState(),
      flushes: false,
      create: true,
      like,
    });
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  async acquire(
    key: string,
    owner: string,
    leaseMs: number,
    reserveMs: number,
    deadline: Deadline,
  ): Promise<number | null> {
    const own = this.#keyOf(key);
    const makeLine = (state: LockState): Line => {
      const expired = this.#expired(own, state.get(own));
      // The wall clock keeps fencing tokens growing where the file was lost.
      const fence = Date.now();
      return { op: "acquire", key: own, owner, leaseMs, reserveMs, fence, expired, ...this.#now() };
    };
    if (!(await this.#log!.append(makeLine, deadline))) return null;
    const { held } = (await this.#log!.read()).get(own);
    return held?.owner === owner ? held.fence : null;
  }

  /**
   * The terms by other clocks that have certainly ended: this process has seen them, not renewed, for their whole
   * length.
   */
  #expired(key: string, { held, next }: Lock): string[] {
    const { clock } = this.#now();
    const before = this.#watched.get(key);
    const seen = new Map<string, number>();
    const ended: string[] = [];
    for (const term of [held, next]) {
      if (term === null || term.clock === clock) continue;
      const since = before?.get(term.version) ?? performance.now();
      seen.set(term.version, since);
      if (performance.now() - since >= term.lengthMs) ended.push(term.version);
    }
    if (seen.size > 0) this.#watched.set(key, seen);
    else this.#watched.delete(key);
    return ended;
  }

  renew(key: string, owner: string, leaseMs: number, deadline: Deadline): Promise<boolean> {
    const own = this.#keyOf(key);
    return this.#log!.append(() => ({ op: "renew", key: own, owner, leaseMs, ...this.#now() }), deadline);
  }

  async release(key: string, owner: string, deadline: Deadline): Promise<boolean> {
    const own = this.#keyOf(key);
    let wasHeld = false;
    const makeLine = (state: LockState): Line => {
      const line = { op: "release", key: own, owner, ...this.#now() };
      ({ wasHeld } = state.release(line));
      return line;
    };
    await this.#log!.append(makeLine, deadline);
    return wasHeld;
  }

  #keyOf(key: string): string {
    return this.#namespace === "" ? key : opaqueKey(this.#namespace, key);
  }
}

/** A time on a clock that has a name. Times of different clocks can't be compared. */
export interface Time {
  readonly clock: string;
  /** In milliseconds. */
  readonly at: number;
}

let machineClock: string | undefined;

/**
 * On Linux, the machine's monotonic clock since it was booted. Elsewhere the wall clock, which has the name "". Bun's
 * and Deno's monotonic clocks begin with the process, so that each process has a clock of its own.
 */
function machineTime(): Time {
  machineClock ??= nameOfClock();
  const at = machineClock === "" ? Date.now() : Number(process.hrtime.bigint() / 1_000_000n);
  return { clock: machineClock, at };
}

function nameOfClock(): string {
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return randomUUID();
  if (process.platform !== "linux") return "";
  try {
    // Each time namespace has a clock of its own. Some containers have a boot id of their own.
    const namespace = readlinkSync("/proc/self/ns/time");
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${namespace}`;
  } catch {
    return randomUUID();
  }
}

/** For how long an owner has a lock, or the reservation of one. */
interface Term {
  readonly owner: string;
  readonly fence: number;
  readonly clock: string;
  readonly until: number;
  readonly lengthMs: number;
  /** Different after each renewal. */
  readonly version: string;
}

interface Lock {
  readonly held: Term | null;
  readonly next: Term | null;
}

const FREE: Lock = { held: null, next: null };

/** Who holds which lock, and who is next. */
export class LockState implements State {
  readonly #locks = new Map<string, Lock>();
  #lastFence = 0;

  /** Locks that are free are not kept: the last fencing token is enough for all of them. */
  get size(): number {
    return this.#locks.size + 2;
  }

  get(key: string): Lock {
    return this.#locks.get(key) ?? FREE;
  }

  allows(line: Line): boolean {
    if (line.op !== "acquire") return this.#next(line) !== null;
    const { next } = this.get(String(line.key));
    const { granted, state } = this.#grant(line);
    if (granted) return true;
    // A reservation is renewed only once half of it is over.
    const left = next !== null && next.owner === line.owner ? endOf(next, line) - Number(line.at) : 0;
    return state.nextOwner === line.owner && left < Number(line.reserveMs) / 2;
  }

  apply(line: Line): boolean {
    if (line.op === "fence") {
      this.#lastFence = Number(line.fence);
      return true;
    }
    const lock = line.op === "lock" ? (line.lock as Lock) : this.#next(line);
    if (lock === null) return false;
    this.#lastFence = Math.max(this.#lastFence, lock.held?.fence ?? 0);
    if (lock.held === null && lock.next === null) this.#locks.delete(String(line.key));
    else this.#locks.set(String(line.key), lock);
    return true;
  }

  /** The lock after this line; null where the line changes nothing. */
  #next(line: Line): Lock | null {
    const { op, key, owner } = line;
    const lock = this.get(String(key));
    if (op === "acquire") {
      const { granted, state } = this.#grant(line);
      const next = state.nextOwner === null ? null : lock.next;
      if (granted) return { held: termOf(line, line.leaseMs, state.fence), next };
      return state.nextOwner === owner ? { ...lock, next: termOf(line, line.reserveMs, 0) } : null;
    }
    if (op === "renew") {
      const state = renewLease(asSeenBy(line, lock), String(owner), Number(line.leaseMs), Number(line.at));
      return state === null ? null : { ...lock, held: termOf(line, line.leaseMs, state.fence) };
    }
    if (lock.held?.owner !== owner && lock.next?.owner !== owner) return null;
    const { state } = this.release(line);
    return {
      held: state.owner === null ? null : lock.held,
      next: state.nextOwner === null ? null : lock.next,
    };
  }

  #grant(line: Line): { granted: boolean; state: LeaseState } {
    return grantLease(asSeenBy(line, this.get(String(line.key))), {
      owner: String(line.owner),
      leaseMs: Number(line.leaseMs),
      reserveMs: Number(line.reserveMs),
      now: Number(line.at),
      fence: Math.max(this.#lastFence + 1, Number(line.fence)),
    });
  }

  release(line: Line): { wasHeld: boolean; state: LeaseState } {
    return releaseLease(asSeenBy(line, this.get(String(line.key))), String(line.owner), Number(line.at));
  }

  snapshot(): Iterable<Line> {
    const lines: Line[] = [{ op: "fence", fence: this.#lastFence }];
    for (const [key, lock] of this.#locks) lines.push({ op: "lock", key, lock });
    return lines;
  }

  beginFile(): void {}
}

function termOf({ owner, clock, at, nonce }: Line, lengthMs: unknown, fence: number): Term {
  return {
    owner: String(owner),
    fence,
    clock: String(clock),
    until: Number(at) + Number(lengthMs),
    lengthMs: Number(lengthMs),
    version: String(nonce),
  };
}

/** When a term ends on the clock of a line. A term of another clock ends never, unless its writer saw it end. */
function endOf({ clock, until, version }: Term, line: Line): number {
  if (clock === line.clock) return until;
  return Array.isArray(line.expired) && line.expired.includes(version)
    ? Number.NEGATIVE_INFINITY
    : Number.POSITIVE_INFINITY;
}

function asSeenBy(line: Line, { held, next }: Lock): LeaseState {
  return {
    owner: held?.owner ?? null,
    heldUntil: held === null ? 0 : endOf(held, line),
    fence: held?.fence ?? 0,
    nextOwner: next?.owner ?? null,
    nextUntil: next === null ? 0 : endOf(next, line),
  };
}
