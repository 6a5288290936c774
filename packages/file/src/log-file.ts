import { randomUUID } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { TokenStoreError } from "@tokenkeep/core";
import { corrupt } from "./errors.js";
import { Flusher } from "./flusher.js";
import { type Head, readHead } from "./head.js";
import { decodeLine, encodeLine, isCutOff, type Line, wholePart } from "./line.js";
import { isSameFile } from "./place.js";
import type { State } from "./state.js";

/** How much is read before others get a turn, in bytes: some milliseconds' work. */
const PIECE = 131_072;
/** How long a write of another process may take that has set the file's time and not its size yet, in milliseconds. */
const SETTLED_MS = 50;
const NEWLINE = 10;

/** One file of lines, open for reading and appending, and what its lines add up to. */
export class LogFile<S extends State> {
  readonly path: string;
  readonly head: Head;
  readonly state: S;
  readonly fd: number;
  /** The file as it was when it was last read. */
  #stat: BigIntStats;
  /** Up to where it was read: always the end of a line. */
  #offset: number;
  #isRead = false;
  #isSettled = true;
  #isClosed = false;
  #lines: number;
  #isSealed = false;
  /** The line that was appended last, and whether it applied. */
  #own: { readonly nonce: string; applied: boolean | undefined } | undefined;
  readonly #watchers = new Set<(text: string) => void>();
  readonly #flusher: Flusher;

  private constructor(fd: number, path: string, head: Head, state: S, isRead: boolean) {
    this.fd = fd;
    this.#flusher = new Flusher(fd);
    this.path = path;
    this.head = head;
    this.state = state;
    this.#stat = fstatSync(fd, { bigint: true });
    this.#offset = isRead ? head.size : 0;
    this.#lines = isRead ? head.lines : 0;
    state.beginFile();
  }

  /**
   * Opens the file and reads its first line.
   * @param before the file that was at this path until now, read to its end. Where this one was made of it, its
   *   state is taken over.
   */
  static open<S extends State>(
    path: string,
    kind: string,
    newState: () => S,
    before: LogFile<S> | undefined,
  ): LogFile<S> {
    const fd = openSync(path, constants.O_RDWR | constants.O_APPEND);
    try {
      const head = readHead(fd, path, kind);
      const isNext = before?.isSealed === true && head.from === before.head.id;
      return new LogFile(fd, path, head, isNext ? before.state : newState(), isNext);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether a line said that the file takes no more: another is to come in its place. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Whether that is this file: its inode can't be another's as long as it is open here, and soon is afterwards. */
  isAt(stat: BigIntStats | undefined): boolean {
    return !this.#isClosed && stat !== undefined && isSameFile(stat, this.#stat);
  }

  /** Whether all that was done to the file is known: false for the moment in which another's write may be under way. */
  get isSettled(): boolean {
    return this.#isSealed || this.#isSettled;
  }

  /** Whether that is this file as it was last read. */
  isCurrent(stat: BigIntStats): boolean {
    if (!this.isAt(stat)) return false;
    if (this.#isSealed) return true;
    // the time of change can't be set back, as the time of modification can
    return this.#isRead && stat.size === this.#stat.size && stat.ctimeNs === this.#stat.ctimeNs;
  }

  /** Whether that is this file, and what was appended can be read without a pause. */
  isNear(stat: BigIntStats): boolean {
    return this.isAt(stat) && Number(stat.size) - this.#offset <= PIECE;
  }

  /**
   * Reads to the end.
   * @returns false where the file is not what it was: shorter, or changed in place. It has to be opened anew.
   */
  read(): boolean {
    for (;;) {
      const read = this.readPiece();
      if (read !== "more") return read === "all";
    }
  }

  /** Reads as much as takes some milliseconds: see {@link read}. */
  readPiece(): "all" | "more" | "changed" {
    if (this.#isSealed) return "all";
    const stat = fstatSync(this.fd, { bigint: true });
    this.#isSettled = stat.size !== this.#stat.size || stat.ctimeNs === this.#stat.ctimeNs;
    // a write sets the time first, and then the size
    const isOld = Math.abs(Date.now() - Number(stat.ctimeMs)) >= SETTLED_MS;
    if (stat.size < this.#stat.size || (!this.#isSettled && isOld)) return "changed";
    if (this.#isSettled) this.#stat = stat;
    this.#isRead = false;
    const left = Number(stat.size) - this.#offset;
    for (let length = Math.min(left, PIECE); ; length = Math.min(left, length * 2)) {
      const bytes = readBytes(this.fd, this.#offset, length);
      if (bytes === undefined) return "changed";
      const end = this.#takeLines(bytes);
      if (this.#isSealed) return "all";
      if (length < left && end > 0) return "more";
      if (length < left) continue; // a line longer than that
      if (end < length && !isCutOff(bytes.toString("utf8", end))) throw corrupt(this.path, this.#lines + 1);
      this.#isRead = true;
      return "all";
    }
  }

  /** @returns where the last whole line ends */
  #takeLines(bytes: Buffer): number {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0 && !this.#isSealed; end = bytes.indexOf(NEWLINE, start)) {
      this.#takeLine(bytes.toString("utf8", start, end));
      start = end + 1;
    }
    this.#offset += start;
    return start;
  }

  #takeLine(text: string): void {
    this.#lines++;
    const line = decodeLine(text);
    if (line === undefined) throw corrupt(this.path, this.#lines);
    if (line.op === "log") return;
    if (line.op === "seal") {
      this.#isSealed = true;
      return;
    }
    const applied = this.state.apply(line);
    if (this.#own !== undefined && this.#own.nonce === line.nonce) this.#own.applied = applied;
    if (applied) for (const watch of this.#watchers) watch(wholePart(text));
  }

  /**
   * Appends a line in one write, and reads on to it. Call it when all was read.
   * @returns whether it applied; undefined where the file was sealed before it, so that it counts for nothing
   */
  append(line: Line): boolean | undefined {
    const own = { nonce: randomUUID(), applied: undefined };
    this.#own = own;
    this.#write({ ...line, nonce: own.nonce });
    if (own.applied === undefined && !this.#isSealed) throw changedError(this.path);
    return own.applied;
  }

  /** Says that the file takes no more lines. */
  seal(): void {
    if (!this.read()) throw changedError(this.path);
    this.#write({ op: "seal" });
    if (!this.#isSealed) throw changedError(this.path);
  }

  #write(line: Line): void {
    const bytes = Buffer.from(encodeLine(line));
    const written = writeSync(this.fd, bytes);
    // The rest can't be added: others may have written since. Without it the line is none.
    if (written < bytes.length) {
      throw Object.assign(new Error("the line was cut off"), { code: "ENOSPC" });
    }
    if (!this.read()) throw changedError(this.path);
  }

  /** Calls back with every line that applies from now on. @returns how to end it */
  watch(watcher: (text: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves once all that was appended until now is on disk. */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  async close(): Promise<void> {
    await this.#flusher.idle();
    this.#isClosed = true;
    closeSync(this.fd);
  }
}

function readBytes(fd: number, offset: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const count = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (count === 0) return undefined;
    filled += count;
  }
  return bytes;
}

function changedError(path: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `${path} was changed by something else. Find the record again and check it.`,
    { retryable: false },
  );
}
