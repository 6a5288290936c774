/** What went wrong with a log, besides the errors of the file system. */
export type LogErrorKind =
  /** A line can't be read. */
  | "damaged"
  /** The file has another format, or is another kind of log. */
  | "format"
  /** There is no file, and none is to be created. */
  | "missing"
  /** The file was deleted while it was open. */
  | "gone"
  /** Something other than a log changed the file. */
  | "changed"
  /** The file is replaced again and again. */
  | "busy"
  /** The path is that of a directory or a device. */
  | "not-a-file"
  /** Others may read or write the file. */
  | "access"
  /** The file can't be replaced by another one. */
  | "fixed"
  /** A line was written, but whether it applied, or is on disk, is not known. */
  | "unconfirmed"
  /** The log is closed. */
  | "closed";

/** An error of a log. The message says what to do. */
export class LogError extends Error {
  override readonly name = "LogError";
  readonly kind: LogErrorKind;

  constructor(kind: LogErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** @param line its number, from 1 */
export function damaged(path: string, line: number): LogError {
  return unreadable(path, line, "remove that line (its content is lost, the other lines are not)");
}

/** @param text what is in place of the header */
export function damagedHeader(path: string, text: string): LogError {
  if (text === "") {
    return new LogError(
      "damaged",
      `${path} is empty: its first line is missing. Delete the file if it never held anything, or restore a backup.`,
    );
  }
  if (!text.includes('{"op":"')) {
    return new LogError(
      "damaged",
      `${path}, line 1: this file was not made by @tokenkeep/file. Nothing was changed. Check the path.`,
    );
  }
  return unreadable(path, 1, "replace that line by the first line of another store's file");
}

function unreadable(path: string, line: number, remedy: string): LogError {
  return new LogError(
    "damaged",
    `${path}, line ${line} can't be read. Nothing was changed. Copy the file, then ${remedy}, or restore a backup.`,
  );
}

/** Something other than a log has cut, replaced or overwritten the file. */
export function changed(path: string): LogError {
  return new LogError(
    "changed",
    `${path} was changed by another program. Find the record again and check it.`,
  );
}
