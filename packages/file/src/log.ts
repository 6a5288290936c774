import { statSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { isTokenStoreError, type MaybePromise, TokenStoreError } from "@tokenkeep/core";
import { Compactor } from "./compactor.js";
import { Draft, sweep } from "./draft.js";
import { hasCode } from "./errors.js";
import { encodeHead, newHead } from "./head.js";
import type { Line } from "./line.js";
import { LogFile } from "./log-file.js";
import { lookAt, syncDirectory } from "./place.js";
import type { State } from "./state.js";

const MOST_TRIES = 100;

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
  readonly #compactor: Compactor;
  #wasOpen = false;
  #isClosed = false;

  constructor(path: string, options: LogOptions<S>) {
    this.#path = path;
    this.#options = options;
    this.#compactor = new Compactor(options.kind);
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
      while (state instanceof Promise || !this.#file!.isSettled) {
        await (state instanceof Promise ? state : sleep(1));
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
        await this.#compactor.replace(file);
        continue;
      }
      const applied = this.#careful(file, () => file.append(line));
      if (applied === undefined) continue; // sealed meanwhile
      await this.#flush(file);
      if (file === this.#file) this.#compactor.compactIfDue(file);
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

  #drop(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    // whoever is at it still needs it to the end: a compaction, and a save that waits for the disk
    const compacted = this.#compactor.whenIdle();
    setImmediate(() => void compacted.then(() => file.close()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#catchingUp?.catch(() => {});
    await this.#compactor.whenIdle();
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
