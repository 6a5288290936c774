import { randomUUID } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { changed, damaged } from "./errors.js";
import { isSameFile } from "./files.js";
import { Flusher } from "./flusher.js";
import { type Header, readHeader } from "./header.js";
import { decodeLine, encodeLine, isTorn, type Line, withoutTorn } from "./line.js";
import type { State } from "./state.js";

/** How many bytes are read before the event loop runs other work: a few milliseconds. */
const CHUNK = 131_072;
/** A write of another process sets the file's time before its size. It takes no longer than this, in milliseconds. */
const SETTLED_MS = 50;
const NEWLINE = 10;

/** One file of lines, open for reading and appending, and the state that its lines result in. */
export class LogFile<S extends State> {
  readonly path: string;
  readonly header: Header;
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
  /** The line that was written last, and whether it applied. */
  #own: { readonly nonce: string; applied: boolean | undefined } | undefined;
  readonly #watchers = new Set<(text: string) => void>();
  readonly #flusher: Flusher;

  private constructor(fd: number, path: string, header: Header, state: S, isRead: boolean) {
    this.fd = fd;
    this.#flusher = new Flusher(fd);
    this.path = path;
    this.header = header;
    this.state = state;
    this.#stat = fstatSync(fd, { bigint: true });
    this.#offset = isRead ? header.size : 0;
    this.#lines = isRead ? header.lines : 0;
    state.beginFile();
  }

  /**
   * Opens the file and reads its header.
   * @param before the file that was at this path until now, read to its end. If this one replaced it, its state is
   *   taken over.
   */
  static open<S extends State>(
    path: string,
    kind: string,
    newState: () => S,
    before: LogFile<S> | undefined,
  ): LogFile<S> {
    const fd = openSync(path, constants.O_RDWR | constants.O_APPEND);
    try {
      const header = readHeader(fd, path, kind);
      const isNext = before?.isSealed === true && header.replaced === before.header.id;
      return new LogFile(fd, path, header, isNext ? before.state : newState(), isNext);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether a line ended the file: a replacement is about to get its name. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Whether the line that was written last applied; undefined where the file was sealed before it. */
  get applied(): boolean | undefined {
    return this.#own?.applied;
  }

  /** Whether `stat` is of this file. While it is open here, no other file can have its inode. */
  isAt(stat: BigIntStats | undefined): boolean {
    return !this.#isClosed && stat !== undefined && isSameFile(stat, this.#stat);
  }

  /** False for the moment in which another process may be writing. */
  get isSettled(): boolean {
    return this.#isSealed || this.#isSettled;
  }

  /** Whether `stat` is of this file as it was last read. */
  isCurrent(stat: BigIntStats): boolean {
    if (!this.isAt(stat)) return false;
    if (this.#isSealed) return true;
    // The time of change can't be set back, unlike the time of modification.
    return this.#isRead && stat.size === this.#stat.size && stat.ctimeNs === this.#stat.ctimeNs;
  }

  /** Whether `stat` is of this file, and what was appended since is one chunk at most. */
  isNearlyCurrent(stat: BigIntStats): boolean {
    return this.isAt(stat) && Number(stat.size) - this.#offset <= CHUNK;
  }

  /**
   * Reads to the end.
   * @returns false where the file has become shorter, or was changed in place. It has to be opened again.
   */
  read(): boolean {
    for (;;) {
      const read = this.readChunk();
      if (read !== "more") return read === "all";
    }
  }

  /** Reads for a few milliseconds: see {@link read}. */
  readChunk(): "all" | "more" | "changed" {
    if (this.#isSealed) return "all";
    const stat = fstatSync(this.fd, { bigint: true });
    this.#isSettled = stat.size !== this.#stat.size || stat.ctimeNs === this.#stat.ctimeNs;
    const isOld = Math.abs(Date.now() - Number(stat.ctimeMs)) >= SETTLED_MS;
    if (stat.size < this.#stat.size || (!this.#isSettled && isOld)) return "changed";
    if (this.#isSettled) this.#stat = stat;
    this.#isRead = false;
    const left = Number(stat.size) - this.#offset;
    for (let length = Math.min(left, CHUNK); ; length = Math.min(left, length * 2)) {
      const bytes = readBytes(this.fd, this.#offset, length);
      if (bytes === undefined) return "changed";
      const end = this.#applyLines(bytes);
      if (this.#isSealed) return "all";
      if (length < left && end > 0) return "more";
      if (length < left) continue; // A line longer than the chunk.
      if (end < length && !isTorn(bytes.toString("utf8", end))) throw damaged(this.path, this.#lines + 1);
      this.#isRead = true;
      return "all";
    }
  }

  /** @returns where the last complete line ends */
  #applyLines(bytes: Buffer): number {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0 && !this.#isSealed; end = bytes.indexOf(NEWLINE, start)) {
      this.#applyLine(bytes.toString("utf8", start, end));
      start = end + 1;
    }
    this.#offset += start;
    return start;
  }

  #applyLine(text: string): void {
    this.#lines++;
    const line = decodeLine(text);
    if (line === undefined) throw damaged(this.path, this.#lines);
    if (line.op === "header") return;
    if (line.op === "seal") {
      this.#isSealed = true;
      return;
    }
    const applied = this.#apply(line);
    if (this.#own !== undefined && this.#own.nonce === line.nonce) this.#own.applied = applied;
    if (applied) for (const watch of this.#watchers) watch(withoutTorn(text));
  }

  #apply(line: Line): boolean {
    try {
      return this.state.apply(line);
    } catch {
      throw damaged(this.path, this.#lines);
    }
  }

  /** Appends a line in one write. Then read on to it: {@link applied} says what became of it. */
  write(line: Line): void {
    const own = { nonce: randomUUID(), applied: undefined };
    this.#own = own;
    this.#write({ ...line, nonce: own.nonce });
  }

  /** Ends the file: later lines don't count. */
  seal(): void {
    if (!this.read()) throw changed(this.path);
    this.#write({ op: "seal" });
    if (!this.read() || !this.#isSealed) throw changed(this.path);
  }

  #write(line: Line): void {
    const bytes = Buffer.from(encodeLine(line));
    const written = writeSync(this.fd, bytes);
    if (written === bytes.length) return;
    // The rest can't follow: others may have written since. Without its newline the line does not count.
    throw Object.assign(new Error("the line was not written completely"), { code: "ENOSPC" });
  }

  /** Calls back with every line that applies from now on. @returns how to end that */
  watch(watcher: (text: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Whether a line of this file may never reach the disk: see {@link Flusher.hasFailed}. */
  get isUnflushable(): boolean {
    return this.#flusher.hasFailed;
  }

  /** Resolves once everything appended until now is on disk. */
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
