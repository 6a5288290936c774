import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { TokenStoreError } from "@tokenkeep/core";
import { corrupt } from "./errors.js";
import { decodeLine, encodeLine, type Line } from "./line.js";
import type { State } from "./state.js";

export const FORMAT = 1;
const NEWLINE = 10;
/** Ends a torn line, so that it is never whole by accident. */
const TORN_END = "#";

/** The first line of every file. */
export function headLine(kind: string): string {
  return encodeLine({ op: "log", format: FORMAT, kind });
}

/** One file of lines, open for reading and appending, and what its lines add up to. */
export class LogFile {
  readonly path: string;
  readonly inode: number;
  readonly state: State;
  readonly #fd: number;
  readonly #kind: string;
  /** Up to where it was read: always the end of a line. */
  #offset = 0;
  #size = 0;
  #mtimeMs = 0;
  #lines = 0;
  #bad: { offset: number; line: number } | undefined;
  #movedTo: string | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, kind: string, state: State) {
    this.path = path;
    this.#kind = kind;
    this.state = state;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_APPEND);
    this.inode = fstatSync(this.#fd).ino;
  }

  /** The name of the file in which the log goes on, once a line said so. */
  get movedTo(): string | undefined {
    return this.#movedTo;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Whether a file with this inode, size and time is this one, as it was read. */
  isCurrent(stat: { ino: number; size: number; mtimeMs: number }): boolean {
    return stat.ino === this.inode && stat.size === this.#size && stat.mtimeMs === this.#mtimeMs;
  }

  /**
   * Reads what was appended since.
   * @returns false where the file is not what it was: shorter, or changed in place. It has to be opened anew.
   */
  read(see: (line: Line, applied: boolean) => void = () => {}): boolean {
    const { size, mtimeMs } = fstatSync(this.#fd);
    if (size < this.#size || (size === this.#size && mtimeMs !== this.#mtimeMs && this.#size > 0))
      return false;
    const bytes = Buffer.allocUnsafe(size - this.#offset);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(this.#fd, bytes, filled, bytes.length - filled, this.#offset + filled);
      if (count === 0) return false;
      filled += count;
    }
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#take(bytes.toString("utf8", start, end), this.#offset + start, see);
      start = end + 1;
    }
    this.#offset += start;
    this.#size = size;
    this.#mtimeMs = mtimeMs;
    if (this.#bad !== undefined && this.#offset === size) throw corrupt(this.path, this.#bad.line);
    return true;
  }

  #take(text: string, offset: number, see: (line: Line, applied: boolean) => void): void {
    this.#lines++;
    if (this.#movedTo !== undefined) return; // too late: its writer will see, and write to the next file
    if (text === TORN_END) return; // another writer had completed it
    const line = decodeLine(text);
    if (line === undefined) {
      this.#bad ??= { offset, line: this.#lines };
      return;
    }
    if (line.op === "torn" && line.at === this.#bad?.offset) this.#bad = undefined;
    if (this.#bad !== undefined) throw corrupt(this.path, this.#bad.line);
    if (this.#lines === 1) this.#checkHead(line);
    else if (line.op === "torn") return;
    else if (line.op === "moved") this.#movedTo = String(line.to);
    else see(line, this.state.apply(line));
  }

  #checkHead(line: Line): void {
    if (line.op === "log" && line.kind === this.#kind && line.format === FORMAT) return;
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `${this.path} is in another format than this version knows (${FORMAT}). It was left as it is. Use a newer version of @tokenkeep/file, or another path.`,
    );
  }

  /** Appends a line in one write. Call it after {@link read}, then read again to see what came of it. */
  append(line: Line): void {
    const torn = this.#offset < this.#size;
    const at = this.#bad?.offset ?? this.#offset;
    const text = (torn ? `${TORN_END}\n${encodeLine({ op: "torn", at })}` : "") + encodeLine(line);
    const bytes = Buffer.from(text);
    const written = writeSync(this.#fd, bytes);
    // What is missing can't be added: others may have written since. It is asked for only to learn why.
    if (written < bytes.length) {
      throw Object.assign(new Error("the line was cut off"), { code: "ENOSPC" });
    }
  }

  /** Resolves once all that was appended until now is on disk. Callers share one flush. */
  sync(): Promise<void> {
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#running = new Promise((resolve, reject) => {
          fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
        });
        return this.#running;
      });
    return this.#next;
  }

  /** Puts what was appended until now on disk before it returns. */
  syncNow(): void {
    fdatasyncSync(this.#fd);
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
    closeSync(this.#fd);
  }
}
