import { setTimeout as sleep } from "node:timers/promises";
import { compact } from "./compact.js";
import { LogError } from "./errors.js";
import { statAt } from "./files.js";
import type { LogFile } from "./log-file.js";
import { isBeingReplaced } from "./replacement.js";
import type { State } from "./state.js";

/** How many lines may be garbage before compaction is worth it. */
const SPARE_LINES = 256;
/** How often to check whether the process that sealed a file has replaced it, in milliseconds. */
const PAUSE_MS = 5;

/** Decides when a log's file is compacted, and that one process does it. */
export class Compactor {
  readonly #kind: string;
  #running: Promise<boolean> | undefined;
  #replacing: Promise<void> | undefined;
  /** After a failure, the number of lines at which to try again. */
  #notBefore = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Compacts the file in the background if more than half of its lines are garbage. */
  compactIfDue(file: LogFile<State>): void {
    if (this.#running !== undefined || file.isSealed) return;
    if (file.lines < Math.max(2 * file.state.size + SPARE_LINES, this.#notBefore)) return;
    this.#tryToCompact(file).catch((error) => this.#warn(file, error));
  }

  async #tryToCompact(file: LogFile<State>): Promise<void> {
    if (!isBeingReplaced(file.path, file.header.id)) await this.#compact(file);
  }

  // The save that led to it has succeeded. The next try is when the file has doubled.
  #warn(file: LogFile<State>, reason: Error): void {
    this.#notBefore = 2 * file.lines;
    const message =
      reason instanceof LogError ? reason.message : `${file.path} can't be compacted: ${reason.message}.`;
    process.emitWarning(`${message} Until then it grows.`, { code: "TOKENKEEP_NOT_COMPACTED" });
  }

  /** Compacts the file now, by what its state is now. @returns false where another replacement was first */
  async compactNow(file: LogFile<State>): Promise<boolean> {
    while (this.#running !== undefined) await this.whenIdle();
    return this.#compact(file);
  }

  /** Resolves once a sealed file has been replaced. Callers wait together. */
  replace(file: LogFile<State>): Promise<void> {
    this.#replacing ??= this.#untilReplaced(file).finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #untilReplaced(file: LogFile<State>): Promise<void> {
    // The process that sealed it is about to. If that one died or was stopped, any process does it.
    while (file.isAt(statAt(file.path))) {
      if (this.#running === undefined && isBeingReplaced(file.path, file.header.id)) await sleep(PAUSE_MS);
      else await (this.#running ?? this.#compact(file));
    }
  }

  #compact(file: LogFile<State>): Promise<boolean> {
    const running = (async () => compact(file, this.#kind))().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Resolves once this process is not compacting. */
  async whenIdle(): Promise<void> {
    await this.#running?.catch(() => {});
  }
}
