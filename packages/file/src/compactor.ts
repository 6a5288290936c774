import { setTimeout as sleep } from "node:timers/promises";
import { compact, whyNotCompact } from "./compact.js";
import { isBeingReplaced } from "./draft.js";
import type { LogFile } from "./log-file.js";
import { lookAt } from "./place.js";
import type { State } from "./state.js";

/** Lines that may be garbage before compaction is worth it. */
const SPARE_LINES = 256;
/** How often to look whether the one that sealed a file has put another in its place, in milliseconds. */
const PAUSE_MS = 5;

/** When a log's file is compacted, and by whom: one process is enough. */
export class Compactor {
  readonly #kind: string;
  #running: Promise<unknown> | undefined;
  #replacing: Promise<void> | undefined;
  /** It is not tried again until there are so many lines. */
  #notBefore = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Replaces the file by one without garbage, where more than half of it is garbage. Nobody waits for it. */
  compactIfDue(file: LogFile<State>): void {
    if (this.#running !== undefined || file.isSealed) return;
    if (file.lines < Math.max(2 * file.state.size + SPARE_LINES, this.#notBefore)) return;
    this.#tryToCompact(file).catch((error) => this.#giveUp(file, error));
  }

  async #tryToCompact(file: LogFile<State>): Promise<void> {
    const why = whyNotCompact(file);
    if (why !== undefined) throw new Error(why);
    if (!isBeingReplaced(file.path, file.head.id)) await this.#compact(file);
  }

  // The save that it came with is done. The next try is when the file has grown by as much again.
  #giveUp(file: LogFile<State>, why: Error): void {
    this.#notBefore = 2 * file.lines;
    const message = `${file.path} can't be compacted, and grows: ${why.message.replace(/\.?$/, ".")}`;
    process.emitWarning(message, { code: "TOKENKEEP_NOT_COMPACTED" });
  }

  /** Resolves once another file is in the place of this one, which was sealed. Callers wait together. */
  replace(file: LogFile<State>): Promise<void> {
    this.#replacing ??= this.#untilReplaced(file).finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #untilReplaced(file: LogFile<State>): Promise<void> {
    // who sealed it has all but put the other there; if it died, or was stopped, anyone does it
    while (file.isAt(lookAt(file.path))) {
      if (this.#running === undefined && isBeingReplaced(file.path, file.head.id)) await sleep(PAUSE_MS);
      else await (this.#running ?? this.#compact(file));
    }
  }

  #compact(file: LogFile<State>): Promise<unknown> {
    this.#running = compact(file, this.#kind).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves once no compaction of this process is under way. */
  async whenIdle(): Promise<void> {
    await this.#running?.catch(() => {});
  }
}
