import { chmodSync, closeSync, openSync, readSync, statSync } from "node:fs";
import { CommandError } from "./errors.js";
import { escaped } from "./text.js";

/** What every line of an export begins with, and no store. */
const EXPORT = '{"id":';

/**
 * The first bytes of a file, by which its format is known.
 * @returns each byte as one character
 * @throws CommandError if it can't be read
 */
export function firstBytes(path: string): string {
  const bytes = Buffer.alloc(16);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return bytes.toString("latin1", 0, readSync(file, bytes));
  } catch (error) {
    throw failed(path, "read", error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Opens the file of an export, for its owner alone, also where an older one could be read by others. Only an older export
 * is overwritten: a store under this name would be lost.
 * @throws CommandError if the file is something else, or can't be written
 */
export function openExport(path: string): number {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    const isFile = stat === undefined || stat.isFile(); // and no pipe or device, whose mode is not ours to change
    if (stat !== undefined && isFile && stat.size > 0 && !firstBytes(path).startsWith(EXPORT)) {
      throw new CommandError(
        `${escaped(path)} is there already, and is no export. Choose another name, or delete it.`,
      );
    }
    const file = openSync(path, "w", 0o600);
    if (isFile) chmodSync(path, 0o600);
    return file;
  } catch (error) {
    throw error instanceof CommandError ? error : failed(path, "written", error);
  }
}

function failed(path: string, what: string, error: unknown): CommandError {
  return new CommandError(`${escaped(path)} can't be ${what} (${(error as NodeJS.ErrnoException).code}).`);
}
