import { statSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { codeOf, isError, type MaybePromise } from "@tokenkeep/core/backend";
import { Compactor } from "./compactor.js";
import { changed, LogError } from "./errors.js";
import { statAt, syncDirectory } from "./files.js";
import { encodeHeader, newHeader } from "./header.js";
import type { Line } from "./line.js";
import { LogFile } from "./log-file.js";
import { Replacement, sweep } from "./replacement.js";
import type { State } from "./state.js";

const MAX_TRIES = 100;

export interface LogOptions<S extends State> {
  /** What the lines are about. It is in the header. */
  readonly kind: string;
  readonly newState: () => S;
  /** Whether an append waits until it is on disk. */
  readonly flushes: boolean;
  /** Whether to create a missing file. */
  readonly create: boolean;
  /** A file whose owner and mode a new one gets. */
  readonly like?: string;
}

/** The time limit of a call. */
export interface Limit {
  /** @throws once the time is over */
  check(): void;
  /** Notes why nothing is written yet; undefined right before it is. */
  blockedBy(reason?: string): void;
}

/**
 * An append-only log that many processes write to without a lock.
 *
 * Each line carries its condition. All processes read the lines in the same order, so all of them agree on which
 * ones applied, the writer included: it appends, reads on to its own line, and knows. A process that was stopped
 * and writes late finds that its condition no longer holds.
 */
export class Log<S extends State> {
  readonly #path: string;
  readonly #options: LogOptions<S>;
  #file: LogFile<S> | undefined;
  /** The file for which no other replacement is left. */
  #swept: LogFile<S> | undefined;
  #catchingUp: Promise<void> | undefined;
  readonly #compactor: Compactor;
  #wasOpen = false;
  #isClosed = false;

  constructor(path: string, options: LogOptions<S>) {
    this.#path = path;
    this.#options = options;
    this.#compactor = new Compactor(options.kind);
  }

  /** The current state. Costs a stat of the file, and a read of what was appended since. */
  read(): MaybePromise<S> {
    if (this.#isClosed) throw new LogError("closed", "The store is closed.");
    const file = this.#file;
    if (this.#catchingUp === undefined && file !== undefined && !file.isUnflushable) {
      const stat = statAt(this.#path);
      if (stat !== undefined && file.isCurrent(stat)) return file.state;
      if (stat !== undefined && file.isNearlyCurrent(stat) && this.#guard(file, () => file.read()))
        return file.state;
    }
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp.then(() => this.read());
  }

  /**
   * Appends a line, and waits until it is on disk.
   * @param make makes the line, from the state that it follows
   * @param limit checked before every write
   * @returns whether its condition held
   */
  async append(make: (state: S) => Line, limit: Limit): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const file = await this.#writable(limit);
      // From here to the write, this process does nothing else.
      const line = make(file.state);
      if (!file.state.allows(line)) {
        await this.#flush(file); // What is in its way must survive a power cut too.
        return false;
      }
      limit.check();
      if (file.isSealed) {
        limit.blockedBy(`${this.#path} is being replaced`);
        await this.#compactor.replace(file);
        continue;
      }
      file.write(line);
      const applied = this.#outcome(file);
      if (applied === undefined) continue; // Another process sealed the file first.
      await this.#flush(file);
      if (file === this.#file) this.#compactor.compactIfDue(file);
      return applied;
    }
    throw busy(this.#path);
  }

  /** {@link #current}, of which no process can restore an older version any more. */
  async #writable(limit: Limit): Promise<LogFile<S>> {
    for (;;) {
      const file = await this.#current(limit);
      if (file === this.#swept) return file;
      sweep(this.#path, file.header.id);
      this.#swept = file; // and once more: is it still the file?
    }
  }

  /** The file, read to its end. */
  async #current(limit: Limit): Promise<LogFile<S>> {
    for (;;) {
      const state = this.read();
      if (!(state instanceof Promise) && this.#file!.isSettled) {
        limit.blockedBy(undefined);
        return this.#file!;
      }
      limit.blockedBy(`${this.#path} has not been read to its end`);
      await (state instanceof Promise ? state : sleep(1));
      limit.check();
    }
  }

  /** Reads on to the line that was just written. @returns whether it applied; undefined where it does not count */
  #outcome(file: LogFile<S>): boolean | undefined {
    try {
      if (!this.#guard(file, () => file.read())) throw changed(this.#path);
      if (file.applied === undefined && !file.isSealed) throw changed(this.#path);
      return file.applied;
    } catch (cause) {
      throw new LogError("unconfirmed", isError(cause) ? cause.message : String(cause), { cause });
    }
  }

  async #flush(file: LogFile<S>): Promise<void> {
    if (!this.#options.flushes) return;
    try {
      await file.flush();
    } catch (cause) {
      throw new LogError("unconfirmed", `${this.#path} can't be flushed to disk. Check the disk.`, { cause });
    }
  }

  /**
   * Replaces the file by one that has only the lines of the state as it is now.
   * @throws LogError `fixed` where that is not possible
   */
  async compact(limit: Limit): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (await this.#compactor.compactNow(await this.#writable(limit))) {
        await this.#writable(limit); // Deletes what other replacements left.
        return;
      }
    }
    throw busy(this.#path);
  }

  async #catchUp(): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const file = this.#file;
      // A file that was replaced is read to its end too: the replacement follows only on the whole of it.
      if (file !== undefined && !(await this.#readInChunks(file))) this.#drop();
      if (this.#isClosed) return;
      const stat = statAt(this.#path);
      if (stat === undefined) await this.#create();
      else if (!this.#file?.isAt(stat)) this.#open();
      else if (!this.#file.isUnflushable) return;
      // A disk that forgot what it could not write gets all of it again.
      else await this.#compactor.compactNow(this.#file);
    }
    throw busy(this.#path);
  }

  /** {@link LogFile.read}, with pauses for other work. */
  async #readInChunks(file: LogFile<S>): Promise<boolean> {
    while (!this.#isClosed) {
      const read = this.#guard(file, () => file.readChunk());
      if (read !== "more") return read === "all";
      await nextTurn();
    }
    return true;
  }

  #open(): void {
    const { kind, newState } = this.#options;
    let file: LogFile<S>;
    try {
      file = LogFile.open(this.#path, kind, newState, this.#file);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      throw error;
    }
    try {
      // A process that only looks deletes nothing, before it writes after all.
      if (this.#options.create) {
        sweep(this.#path, file.header.id);
        this.#swept = file;
      }
      // From now on only a replacement of this very file can take its name. Did another one before?
      if (!file.isAt(statAt(this.#path))) return void file.close();
      syncDirectory(this.#path); // The process that put it there may have died before it did that.
    } catch (error) {
      void file.close();
      throw error;
    }
    this.#drop();
    this.#file = file;
    this.#wasOpen = true;
  }

  async #create(): Promise<void> {
    const { kind, like, create } = this.#options;
    if (this.#wasOpen) {
      throw new LogError(
        "gone",
        `${this.#path} was deleted. Put it back, or open a new store to start over.`,
      );
    }
    if (!create) throw new LogError("missing", `${this.#path} does not exist. Check the path.`);
    await Replacement.use(this.#path, "new", async (file) => {
      // Where an access control list is in the way, the new file stays its owner's alone.
      if (like !== undefined) await file.copyAccess(like, statSync(like));
      await file.write(encodeHeader(kind, newHeader(null)));
      return file.create();
    });
  }

  // After damage the state is half old, half new: the next call reads the whole file again.
  #guard<T>(file: LogFile<S>, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (this.#file === file) this.#drop();
      throw error;
    }
  }

  #drop(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    // A compaction, or a save that waits for the disk, still needs it.
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

function busy(path: string): LogError {
  return new LogError("busy", `${path} keeps being replaced. Try again.`);
}
