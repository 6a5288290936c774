import { randomUUID } from "node:crypto";
import { fstatSync, linkSync, readdirSync, renameSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasCode } from "./errors.js";
import { removeIfThere, syncDirectory } from "./place.js";

const BUFFERED = 65_536;
/** Who writes a draft is at it if it grew so lately, in milliseconds. */
const FRESH_MS = 1000;
/** A draft that did not grow for so long is left over from a process that died, in milliseconds. */
const ABANDONED_MS = 60_000;

/**
 * A file in the making, beside `path` and on its way to it. Its name has the id of the file that it is to
 * replace.
 *
 * That is what keeps a late writer from putting an old file back. A draft is begun before its writer looks
 * whether `path` still is the file to replace; whoever opens another file there takes that draft away before
 * appending ({@link sweep}). So the rename of a writer that was stopped meanwhile finds nothing to rename.
 */
export class Draft {
  readonly #path: string;
  readonly #name: string;
  readonly #handle: FileHandle;
  #text = "";
  #size = 0;

  private constructor(path: string, name: string, handle: FileHandle) {
    this.#path = path;
    this.#name = name;
    this.#handle = handle;
  }

  /**
   * Makes a draft for `use`, and takes it away when that has ended: if it came to its place it stays there.
   * @param replaces the id of the file that it is to replace
   * @param like whose mode and owner it gets; its own are 0600 and this process's
   */
  static async use<T>(
    path: string,
    replaces: string,
    like: Stats | undefined,
    use: (draft: Draft) => Promise<T>,
  ): Promise<T> {
    const name = `${path}.${replaces}.${randomUUID()}.tmp`;
    const handle = await open(name, "wx", 0o600);
    try {
      const draft = new Draft(path, name, handle);
      if (like !== undefined) await draft.#beLike(like);
      return await use(draft);
    } finally {
      await handle.close();
      removeIfThere(name);
    }
  }

  async #beLike({ uid, gid, mode }: Stats): Promise<void> {
    const own = fstatSync(this.#handle.fd);
    // where it can't be given to the owner of the other, this fails, and the other stays
    if (own.uid !== uid || own.gid !== gid) await this.#handle.chown(uid, gid);
    if ((own.mode & 0o777) !== (mode & 0o777)) await this.#handle.chmod(mode & 0o777);
  }

  /** How many bytes were written to it. */
  get size(): number {
    return this.#size;
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    this.#size += Buffer.byteLength(text);
    if (this.#text.length >= BUFFERED) await this.#writeOut();
  }

  /** Writes what is as it should be kept, byte for byte. */
  async writeBytes(bytes: Buffer): Promise<void> {
    await this.#handle.writeFile(bytes);
  }

  async #writeOut(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    await this.#handle.writeFile(text); // from where the last one ended
  }

  /** Puts `text` in the place of the first bytes. */
  async writeFirst(text: string): Promise<void> {
    await this.#writeOut();
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, done)).bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#writeOut();
    await this.#handle.sync();
  }

  /** Gives it the name `target` as well, if that is free. @returns whether it was */
  async link(target: string): Promise<boolean> {
    await this.sync();
    return this.#come(target, linkSync);
  }

  /** Puts it at its path. @returns false where another came first */
  async replace(): Promise<boolean> {
    await this.sync();
    return this.#come(this.#path, renameSync);
  }

  #come(target: string, move: (from: string, to: string) => void): boolean {
    try {
      move(this.#name, target);
    } catch (error) {
      // the name is taken, or this draft was taken away
      if (hasCode(error, "EEXIST") || hasCode(error, "ENOENT")) return false;
      throw error;
    }
    syncDirectory(target);
    return true;
  }
}

/** The drafts of `path`, with what each is to replace and how long ago it last grew. */
function* draftsOf(path: string): Generator<{ name: string; replaces: string; idleMs: number }> {
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

/** Takes away every draft but those that are to replace the file with this id, where somebody is at them. */
export function sweep(path: string, id: string): void {
  for (const { name, replaces, idleMs } of draftsOf(path)) {
    if (replaces !== id || idleMs > ABANDONED_MS) removeIfThere(name);
  }
}

/** Whether somebody is writing what is to replace the file with this id. */
export function isBeingReplaced(path: string, id: string): boolean {
  for (const { replaces, idleMs } of draftsOf(path)) {
    if (replaces === id && idleMs < FRESH_MS) return true;
  }
  return false;
}
