import { statSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { isTokenStoreError, type MaybePromise, TokenStoreError } from "@tokenkeep/core";
import { compact, whyNotCompact } from "./compact.js";
import { Draft, isBeingReplaced, sweep } from "./draft.js";
import { hasCode } from "./errors.js";
import { encodeHead, newHead } from "./head.js";
import type { Line } from "./line.js";
import { LogFile } from "./log-file.js";
import { lookAt, syncDirectory } from "./place.js";
import type { State } from "./state.js";

/** Lines that may be garbage before compaction is worth it. */
const SPARE_LINES = 256;
const MOST_TRIES = 100;
/** How often to look whether the one that sealed the file has put another in its place, in milliseconds. */
const PAUSE_MS = 5;

export interface LogOptions<S extends State> {
  /** What the lines are about: it stands in the first one. */
  readonly kind: string;
  readonly newState: () => S;
  /** Whether an append waits until it is on disk. */
  readonly flushes: boolean;
  /** A file whose mode and owner a new one gets. */
  readonly like?: string;
}

/**
 * A log that many processes append to without a lock.
 *
 * A line says what to do and on which condition. The order in the file is the order of time for all, so
 * every process comes to the same answer, the writer too: it appends, reads on to its own line, and knows.
 * A process that was stopped and writes late is simply late: its condition does not hold any more.
 */
export class Log<S extends State> {
  readonly #path: string;
  readonly #options: LogOptions<S>;
  #file: LogFile<S> | undefined;
  #catchingUp: Promise<void> | undefined;
  #compacting: Promise<unknown> | undefined;
  /** Compaction is not tried again until there are so many lines. */
  #notBefore = 0;
  #wasOpen = false;
  #isClosed = false;

  constructor(path: string, options: LogOptions<S>) {
    this.#path = path;
    this.#options = options;
  }

  /** The state now: one look at the file, and a read of what is new, if anything is. */
  read(): MaybePromise<S> {
    if (this.#isClosed) throw closedError();
    if (this.#catchingUp === undefined && this.#file !== undefined) {
      const file = this.#file;
      const stat = lookAt(this.#path);
      if (stat !== undefined && file.isCurrent(stat)) return file.state;
      if (stat !== undefined && file.isNear(stat) && this.#careful(file, () => file.read()))
        return file.state;
    }
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp.then(() => this.read());
  }

  /**
   * Appends a line, and waits until it is on disk.
   * @param make makes the line, from the state that it comes right behind
   * @returns whether it did what it says
   */
  async append(make: (state: S) => Line): Promise<boolean> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      let state = this.read();
      while (state instanceof Promise) {
        await state;
        state = this.read();
      }
      // from here on nothing of this process comes between
      const file = this.#file!;
      const line = make(state);
      if (!state.allows(line)) {
        await this.#flush(file); // what stands in its way must not be gone after a power cut
        return false;
      }
      if (file.isSealed) {
        await this.#replace(file);
        continue;
      }
      const applied = this.#careful(file, () => file.append(line));
      if (applied === undefined) continue; // sealed meanwhile
      await this.#flush(file);
      this.#compactIfDue(file);
      return applied;
    }
    throw busyError(this.#path);
  }

  async #flush(file: LogFile<S>): Promise<void> {
    if (this.#options.flushes) await file.flush();
  }

  // Where there is much to read, in pieces.
  async #catchUp(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const file = this.#file;
      // also where another is at its place already: its end says whether that one was made of it
      if (file !== undefined && !(await this.#readInPieces(file))) this.#drop();
      const stat = lookAt(this.#path);
      if (stat === undefined) await this.#make();
      else if (this.#file?.isAt(stat)) return;
      else this.#open();
    }
    throw busyError(this.#path);
  }

  /** {@link LogFile.read} with pauses for others. */
  async #readInPieces(file: LogFile<S>): Promise<boolean> {
    for (;;) {
      const read = this.#careful(file, () => file.readPiece());
      if (read !== "more") return read === "all";
      await nextTurn();
    }
  }

  #open(): void {
    const { kind, newState } = this.#options;
    let file: LogFile<S>;
    try {
      file = LogFile.open(this.#path, kind, newState, this.#file);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      throw error;
    }
    try {
      sweep(this.#path, file.head.id);
      // From now on no draft can come to the place of this file that was not made of it. Was one quicker?
      if (!file.isAt(lookAt(this.#path))) return void file.close();
      syncDirectory(this.#path); // who put it there may not have come to that yet
    } catch (error) {
      void file.close();
      throw error;
    }
    this.#drop();
    this.#file = file;
    this.#wasOpen = true;
  }

  async #make(): Promise<void> {
    if (this.#wasOpen) throw goneError(this.#path);
    const { kind, like } = this.#options;
    await Draft.use(this.#path, "new", like === undefined ? undefined : statSync(like), async (draft) => {
      await draft.write(encodeHead(kind, newHead(null)));
      return draft.link(this.#path);
    });
  }

  // After damage the state is half old, half new: the next call begins with the whole file.
  #careful<T>(file: LogFile<S>, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (this.#file === file && isTokenStoreError(error)) this.#drop();
      throw error;
    }
  }

  /** Resolves once another file is in the place of this one, which was sealed. */
  async #replace(file: LogFile<S>): Promise<void> {
    // who sealed it has all but put the other there; if it died, or was stopped, anyone does it
    while (file.isAt(lookAt(this.#path))) {
      if (this.#compacting === undefined && isBeingReplaced(this.#path, file.head.id)) await sleep(PAUSE_MS);
      else await (this.#compacting ?? this.#compact(file));
    }
  }

  /** Replaces the file by one without garbage, where more than half of it is garbage. Nobody waits for it. */
  #compactIfDue(file: LogFile<S>): void {
    if (this.#compacting !== undefined || file !== this.#file || file.isSealed) return;
    if (file.lines < Math.max(2 * file.state.size + SPARE_LINES, this.#notBefore)) return;
    const why = whyNotCompact(file);
    if (why !== undefined) this.#giveUp(file, why);
    else if (!isBeingReplaced(this.#path, file.head.id)) {
      this.#compact(file).catch((error) => this.#giveUp(file, String(error)));
    }
  }

  #compact(file: LogFile<S>): Promise<unknown> {
    this.#compacting = compact(file, this.#options.kind).finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  // The save that it came with is done. The next try is when the file has grown by as much again.
  #giveUp(file: LogFile<S>, why: string): void {
    this.#notBefore = 2 * file.lines;
    process.emitWarning(`${this.#path} can't be compacted, and grows: ${why}.`, {
      code: "TOKENKEEP_NOT_COMPACTED",
    });
  }

  #drop(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    // whoever is at it still needs it to the end: a compaction, and a save that waits for the disk
    const compacting = this.#compacting;
    setImmediate(async () => {
      await compacting?.catch(() => {});
      await file.close();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#catchingUp?.catch(() => {});
    await this.#compacting?.catch(() => {});
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

function closedError(): TokenStoreError {
  return new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
}

function busyError(path: string): TokenStoreError {
  return new TokenStoreError("ERR_UNAVAILABLE", `${path} keeps being replaced. Try again.`);
}

function goneError(path: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `${path} is gone. Put it back, or open a new store to begin anew.`,
  );
}
