import { randomUUID } from "node:crypto";
import { readSync } from "node:fs";
import { damagedHeader, LogError } from "./errors.js";
import { decodeLine, encodeLine } from "./line.js";

const FORMAT = 1;
/** The length of a replacement's header. Its numbers are filled in once everything else is written. */
const PADDED = 240;
const MAX_BYTES = 4096;

/** The first line of a file. */
export interface Header {
  /** Different for every file. It is part of file names. */
  readonly id: string;
  /** The id of the file that this one replaced, or null. */
  readonly replaced: string | null;
  /** How many lines and bytes the replacement had, this one included. */
  readonly lines: number;
  readonly size: number;
}

export function newHeader(replaced: string | null): Header {
  return { id: randomUUID(), replaced, lines: 1, size: 0 };
}

export function encodeHeader(kind: string, { id, ...origin }: Header): string {
  const line = { op: "header", format: FORMAT, kind, id };
  return origin.replaced === null ? encodeLine(line) : encodeLine({ ...line, ...origin }, PADDED);
}

/** @throws LogError `damaged`, or `format` where it is the header of another format or kind of log */
export function readHeader(fd: number, path: string, kind: string): Header {
  const bytes = Buffer.alloc(MAX_BYTES);
  const text = bytes.toString("utf8", 0, readSync(fd, bytes, 0, MAX_BYTES, 0));
  const end = text.indexOf("\n");
  const line = end < 0 ? undefined : decodeLine(text.slice(0, end));
  if (line?.op !== "header") throw damagedHeader(path, text);
  if (line.format !== FORMAT || line.kind !== kind) {
    throw new LogError(
      "format",
      `${path} holds ${line.kind} in format ${line.format}; this version of @tokenkeep/file expects ${kind} in ` +
        `format ${FORMAT}. It was left as it is. Update @tokenkeep/file, or choose another path.`,
    );
  }
  const header = { replaced: null, lines: 1, size: 0, ...line } as unknown as Header;
  if (!/^[\w-]{1,64}$/.test(header.id)) throw damagedHeader(path, text);
  return header;
}
