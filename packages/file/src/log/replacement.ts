import { randomUUID } from "node:crypto";
import {
  closeSync,
  fsync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
  write,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "@tokenkeep/core/backend";
import { copyAccess } from "./access.js";
import { removeIfPresent, syncDirectory } from "./files.js";

const BUFFERED = 65_536;
/** A replacement that grew within this time has a living writer, in milliseconds. */
const ACTIVE_MS = 1000;
/** A replacement that has not grown for this long was left by a process that died, in milliseconds. */
const ABANDONED_MS = 60_000;

/**
 * A temporary file that is to replace the one at `path`. Its name contains the id of the file to replace.
 *
 * That keeps a late writer from restoring an old file. A writer creates the replacement before it checks that `path`
 * still is the file to replace, and every process that opens another file there deletes that replacement before it
 * appends ({@link sweep}). So the rename of a writer that was stopped in between finds nothing to rename.
 */
export class Replacement {
  readonly #path: string;
  readonly #name: string;
  readonly #fd: number;
  #text = "";
  #size = 0;

  private constructor(path: string, name: string, fd: number) {
    this.#path = path;
    this.#name = name;
    this.#fd = fd;
  }

  /**
   * Creates a replacement (0600) for `use`, and deletes it afterwards unless it has got its name by then.
   * @param replaces the id of the file to replace
   */
  static async use<T>(path: string, replaces: string, use: (file: Replacement) => Promise<T>): Promise<T> {
    const name = `${path}.${replaces}.${randomUUID()}.tmp`;
    const fd = openSync(name, "wx", 0o600);
    try {
      return await use(new Replacement(path, name, fd));
    } finally {
      closeSync(fd);
      removeIfPresent(name);
    }
  }

  /** {@link copyAccess}: from another file to this one. */
  copyAccess(path: string, stat: Stats): Promise<string | undefined> {
    return copyAccess(path, stat, { path: this.#name, fd: this.#fd });
  }

  /** How many bytes were written to it. */
  get size(): number {
    return this.#size;
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    this.#size += Buffer.byteLength(text);
    if (this.#text.length >= BUFFERED) await this.#writeBuffered();
  }

  async #writeBuffered(): Promise<void> {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    await this.#writeAt(bytes, this.#size - bytes.length);
  }

  /** Overwrites the first bytes. */
  async overwriteStart(text: string): Promise<void> {
    await this.#writeBuffered();
    await this.#writeAt(Buffer.from(text), 0);
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await writeSome(this.#fd, bytes, done, position + done);
    }
  }

  async flush(): Promise<void> {
    await this.#writeBuffered();
    await flush(this.#fd);
  }

  /** Gives it its name, if that is free. @returns whether it was */
  create(): Promise<boolean> {
    return this.#publish(linkSync);
  }

  /** Gives it its name instead of the file that has it. @returns false where another replacement was first */
  replace(): Promise<boolean> {
    return this.#publish(renameSync);
  }

  async #publish(move: (from: string, to: string) => void): Promise<boolean> {
    await this.flush();
    try {
      move(this.#name, this.#path);
    } catch (error) {
      // The name is taken, or another process deleted this replacement.
      if (/^(EEXIST|ENOENT)$/.test(codeOf(error))) return false;
      throw error;
    }
    syncDirectory(this.#path);
    return true;
  }
}

// By descriptor: under Yarn Plug'n'Play a FileHandle can't sync.
function writeSome(fd: number, bytes: Buffer, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, position, (error, written) =>
      error === null ? resolve(written) : reject(error),
    );
  });
}

function flush(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** The replacements for `path`, which file each replaces, and how long ago it last grew. */
function* replacementsFor(path: string): Generator<{ name: string; replaces: string; idleMs: number }> {
  const start = `${basename(path)}.`;
  for (const entry of readdirSync(dirname(path))) {
    if (!entry.startsWith(start)) continue;
    const [, replaces] = /^([\w-]+)\.[0-9a-f-]{36}\.tmp$/.exec(entry.slice(start.length)) ?? [];
    if (replaces === undefined) continue;
    const name = join(dirname(path), entry);
    const stat = statSync(name, { throwIfNoEntry: false });
    if (stat !== undefined) yield { name, replaces, idleMs: Math.abs(Date.now() - stat.mtimeMs) };
  }
}

/** Deletes every replacement but those for the file with this id that may have a living writer. */
export function sweep(path: string, id: string): void {
  for (const { name, replaces, idleMs } of replacementsFor(path)) {
    if (replaces !== id || idleMs > ABANDONED_MS) removeIfPresent(name);
  }
}

/** Whether a process is writing a replacement for the file with this id. */
export function isBeingReplaced(path: string, id: string): boolean {
  for (const { replaces, idleMs } of replacementsFor(path)) {
    if (replaces === id && idleMs < ACTIVE_MS) return true;
  }
  return false;
}
