import { randomUUID } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { TokenStoreError } from "@tokenkeep/core";
import { hasCode } from "./errors.js";
import { encodeLine, type Line } from "./line.js";
import { headLine, LogFile } from "./log-file.js";
import { putInPlace, putNew, syncDirectory, tidy } from "./place.js";
import type { State } from "./state.js";

/** Lines that may be garbage before compaction is worth it. */
const SPARE_LINES = 256;
const MOST_TRIES = 100;

/**
 * A log that many processes append to without a lock.
 *
 * A line says what to do and on which condition. The order in the file is the order of time for all, so
 * every process comes to the same answer, the writer too: it appends, reads on to its own line, and knows.
 * A process that was stopped and writes late is simply late: its condition does not hold any more.
 */
export class Log {
  readonly #path: string;
  readonly #kind: string;
  readonly #newState: () => State;
  #file: LogFile | undefined;

  constructor(path: string, kind: string, newState: () => State) {
    this.#path = path;
    this.#kind = kind;
    this.#newState = newState;
  }

  open(): void {
    if (!existsSync(this.#path)) putNew(this.#path, [headLine(this.#kind)]);
    this.read();
  }

  /** The state now: one look at the file, and a read of what is new, if anything is. */
  read(see?: (line: Line, applied: boolean) => void): State {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      let stat: { ino: number; size: number; mtimeMs: number };
      try {
        stat = statSync(this.#path);
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
        throw gone(this.#path);
      }
      const file = this.#file;
      if (file?.isCurrent(stat) && file.movedTo === undefined) return file.state;
      if (file !== undefined && file.inode === stat.ino && file.movedTo === undefined) {
        if (!this.#readMore(file, see)) this.#drop();
      } else {
        this.#drop();
        const opened = new LogFile(this.#path, this.#kind, this.#newState());
        this.#file = opened;
        this.#readAll(opened);
        syncDirectory(this.#path); // who put it there may not have come to that yet
      }
      if (this.#file?.movedTo !== undefined) this.#goOn(this.#file);
      else if (this.#file !== undefined) return this.#file.state;
    }
    throw new TokenStoreError("ERR_UNAVAILABLE", `${this.#path} keeps being replaced. Try again.`);
  }

  /**
   * Appends a line.
   * @returns whether it did what it says, and how to wait until it is on disk
   */
  append(line: Line): { applied: boolean; sync: () => Promise<void> } {
    const nonce = randomUUID();
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      this.read();
      const file = this.#file!;
      file.append({ ...line, nonce });
      let applied: boolean | undefined;
      const see = (seen: Line, did: boolean): void => {
        if (seen.nonce === nonce) applied = did;
      };
      if (!this.#readMore(file, see)) {
        this.#drop();
        throw new TokenStoreError(
          "ERR_UNAVAILABLE",
          `${this.#path} was changed by something else. Find the record again and check it.`,
          { retryable: false },
        );
      }
      if (applied !== undefined) {
        const done = file.sync.bind(file);
        return { applied, sync: done };
      }
      // a line before ours said that the log goes on elsewhere
    }
    throw new TokenStoreError("ERR_UNAVAILABLE", `${this.#path} keeps being replaced. Try again.`);
  }

  /** Replaces the file by one without garbage, where more than half of it is garbage. */
  compactIfDue(): void {
    const file = this.#file;
    if (file === undefined || file.lines < 2 * file.state.size + SPARE_LINES) return;
    file.append({ op: "moved", to: randomUUID() });
    this.read();
  }

  // The first line that says so names the next file, and ends this one for everybody. Whoever sees it does
  // what is left to do; the one that made it may be dead or stopped. The content follows from the lines
  // before, and the name is taken once (`link`), so that nothing differs by who does it.
  #goOn(file: LogFile): void {
    let last = file;
    for (;;) {
      const next = this.#nameOf(last.movedTo!);
      if (!existsSync(next)) last.syncNow(); // after a power cut, too, the old file must lead to the new one
      if (!existsSync(next)) putNew(next, textOf(this.#kind, last.state));
      if (last !== file) void last.close();
      last = new LogFile(next, this.#kind, this.#newState());
      this.#readAll(last);
      if (last.movedTo === undefined) break;
    }
    putInPlace(last.path, this.#path);
    void last.close();
    tidy(this.#path, last.path);
    this.#drop();
  }

  // After damage the state is half old, half new: the next call begins with the whole file.
  #readMore(file: LogFile, see?: (line: Line, applied: boolean) => void): boolean {
    try {
      return file.read(see);
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  #readAll(file: LogFile): void {
    try {
      if (!file.read())
        throw new TokenStoreError("ERR_UNAVAILABLE", `${file.path} is being changed. Try again.`);
    } catch (error) {
      if (file === this.#file) this.#drop();
      else void file.close();
      throw error;
    }
  }

  #nameOf(to: string): string {
    return join(dirname(this.#path), `${basename(this.#path)}.${to}.next`);
  }

  #drop(): void {
    const file = this.#file;
    this.#file = undefined;
    // a save that waits for the disk still needs it
    if (file !== undefined) setImmediate(() => void file.close());
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

function* textOf(kind: string, state: State): Generator<string> {
  yield headLine(kind);
  for (const line of state.lines()) yield encodeLine(line);
}

function gone(path: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `${path} is gone. Put it back, or open a new store to begin anew.`,
  );
}
