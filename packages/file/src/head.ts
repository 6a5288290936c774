import { randomUUID } from "node:crypto";
import { readSync } from "node:fs";
import { TokenStoreError } from "@tokenkeep/core";
import { corruptHead } from "./errors.js";
import { decodeLine, encodeLine } from "./line.js";

const FORMAT = 1;
/** The head of a file that was made of another fills so many characters: its numbers are set when all else is written. */
const ROOM = 240;
const LONGEST = 4096;

/** What the first line says. */
export interface Head {
  /** The file's own, new for each. It is part of file names. */
  readonly id: string;
  /** The id of the file that this one was made of, or null. */
  readonly from: string | null;
  /** How many lines and bytes that made, the head included. */
  readonly lines: number;
  readonly size: number;
}

export function newHead(from: string | null): Head {
  return { id: randomUUID(), from, lines: 1, size: 0 };
}

export function encodeHead(kind: string, head: Head): string {
  const { id, ...origin } = head;
  const line = { op: "log", format: FORMAT, kind, id };
  return head.from === null ? encodeLine(line) : encodeLine({ ...line, ...origin }, ROOM);
}

/** @throws TokenStoreError `ERR_CORRUPT`, or `ERR_SCHEMA` where it is the head of another format */
export function readHead(fd: number, path: string, kind: string): Head {
  const bytes = Buffer.alloc(LONGEST);
  const text = bytes.toString("utf8", 0, readSync(fd, bytes, 0, LONGEST, 0));
  const end = text.indexOf("\n");
  const line = end < 0 ? undefined : decodeLine(text.slice(0, end));
  if (line?.op !== "log") throw corruptHead(path, text);
  if (line.format !== FORMAT || line.kind !== kind) {
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `${path} is a log of ${line.kind} in format ${line.format}; this version of @tokenkeep/file looks for ` +
        `${kind} in format ${FORMAT}. It was left as it is. Use a newer version, or another path.`,
    );
  }
  const head = { from: null, lines: 1, size: 0, ...line } as unknown as Head;
  if (!/^[\w-]{1,64}$/.test(head.id)) throw corruptHead(path, text);
  return head;
}
