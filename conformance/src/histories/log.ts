// A history on disk: each process appends what it does to a file of its own, so that a kill loses nothing.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Hold, LockAction, Operation, Outcome, RecordAction } from "./operation.js";

/** How long after its call, and after the disruption that it met, a write may still be applied. */
const LATE_MS = 5000;

/** The machine's monotonic clock, which all its processes share, in milliseconds. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What happens to a call after its beginning. */
type Later =
  | { readonly outcome: Outcome; readonly to: number }
  | { readonly fence: number; readonly workFrom: number }
  | { readonly workTo: number };

/** A call as the log has it, as far as it went. */
interface Logged {
  readonly action: RecordAction | LockAction;
  readonly group?: string;
  readonly from: number;
  readonly to?: number;
  readonly outcome?: Outcome;
  readonly fence?: number;
  readonly workFrom?: number;
  readonly workTo?: number;
}

/** Writes the log of this process. */
export class Log {
  readonly #file: number;
  #calls = 0;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  /** @returns the number of the call */
  begin(action: RecordAction | LockAction, group?: string): number {
    const call = ++this.#calls;
    this.#write({ call, action, group, from: now() });
    return call;
  }

  add(call: number, event: Later): void {
    this.#write({ call, ...event });
  }

  /** @param disruption its name; `undefined` if there is none any more */
  disrupted(disruption: string | undefined): void {
    this.#write({ disruption: disruption ?? null, at: now() });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: object): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** A time in which calls may fail. */
export interface Disruption {
  readonly what: string;
  /** The process that met it; absent for all. */
  readonly process?: number;
  readonly from: number;
  readonly to: number;
}

/** What one process did. */
export interface Recorded {
  readonly calls: Operation[];
  readonly holds: Hold[];
  readonly disruptions: Disruption[];
}

/**
 * Reads the log of a process.
 * @param endedAt when the process ended, or now
 * @param others disruptions that the process did not cause itself
 */
export function readLog(
  path: string,
  process: number,
  endedAt: number,
  others: readonly Disruption[],
): Recorded {
  const logged = new Map<number, Logged>();
  const disruptions: Disruption[] = [];
  let open: { what: string; from: number } | undefined;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (!line.endsWith("}")) continue; // a kill cut it off
    const { call, ...entry } = JSON.parse(line) as Entry;
    if ("disruption" in entry) {
      if (open !== undefined) disruptions.push({ ...open, process, to: entry.at });
      open = entry.disruption === null ? undefined : { what: entry.disruption, from: entry.at };
    } else logged.set(call, { ...logged.get(call), ...entry });
  }
  if (open !== undefined) disruptions.push({ ...open, process, to: endedAt });

  const calls: Operation[] = [];
  const holds: Hold[] = [];
  for (const { action, to = endedAt, ...rest } of logged.values()) {
    const met = [...disruptions, ...others].filter((one) => one.from <= to && one.to >= rest.from);
    const until = Math.max(to, ...met.map((one) => one.to)) + LATE_MS;
    if (action.method === "withLock") holds.push({ ...rest, process, action, to, until });
    else calls.push({ ...rest, process, action, to, until });
  }
  return { calls, holds, disruptions };
}

type Entry = { readonly call: number } & (
  | Logged
  | { readonly disruption: string | null; readonly at: number }
);
