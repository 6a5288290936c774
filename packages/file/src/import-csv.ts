import { hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { TokenStoreError } from "@tokenkeep/core";
import { joinTokens, readZohoCsv } from "@tokenkeep/core/zoho-formats";
import { Draft } from "./draft.js";
import { hasCode } from "./errors.js";
import { encodeHead, newHead } from "./head.js";
import { encodeLine } from "./line.js";
import { isSameFile, lookAt } from "./place.js";
import { putLine } from "./token-state.js";

/** How much of a file has its header in it. */
const HEADER_BYTES = 512;

/**
 * Puts a log in the place of a CSV file that Zoho's SDK wrote. The original stays beside it as
 * `<path>.<digest>.csv`, with what could not be read in `<path>.<digest>.problems.txt`.
 *
 * Many processes may do so at once, and each may die on the way: the names follow from the content, and the
 * log comes into place last, where the CSV file still is ({@link Draft}).
 */
export async function importCsv(path: string, namespace: string): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  try {
    if (startsLikeCsv(fd)) await importFrom(fd, path, namespace);
  } finally {
    closeSync(fd);
  }
}

/** Whether the first line is a header of Zoho's. */
function startsLikeCsv(fd: number): boolean {
  const head = Buffer.alloc(HEADER_BYTES);
  const length = readSync(fd, head, 0, HEADER_BYTES, 0);
  return /^[^\n{]*\brefresh_token\b/.test(head.toString("utf8", 0, length));
}

async function importFrom(fd: number, path: string, namespace: string): Promise<void> {
  const stat = fstatSync(fd);
  if (stat.nlink > 1) throw linkedError(path);
  const before = fstatSync(fd, { bigint: true });
  const bytes = readFileSync(fd);
  const digest = hash("sha256", bytes, "hex").slice(0, 16);
  const replaces = `csv-${digest}`;
  const keep = (target: string, content: Buffer): Promise<boolean> =>
    Draft.use(path, replaces, stat, async (draft) => {
      await draft.writeBytes(content);
      return draft.link(target);
    });
  const { entries, problems } = joinTokens(readZohoCsv(bytes.toString("utf8")));
  const original = `${path}.${digest}.csv`;
  await keep(original, bytes);
  if (!readFileSync(original).equals(bytes)) throw otherError(original);
  const told = `${path}.${digest}.problems.txt`;
  if (problems.length > 0) {
    await keep(told, Buffer.from(problems.map(({ where, reason }) => `${where}: ${reason}\n`).join("")));
  }

  const isDone = await Draft.use(path, replaces, stat, async (draft) => {
    const now = lookAt(path);
    const isAsRead = now !== undefined && isSameFile(now, before) && now.ctimeNs === before.ctimeNs;
    if (!isAsRead) return false;
    await draft.write(encodeHead("tokens", newHead(null)));
    for (const { record } of entries) await draft.write(encodeLine(putLine(namespace, record, null)));
    return draft.replace();
  });
  if (isDone && problems.length > 0) {
    process.emitWarning(
      `${problems.length} of the rows of ${original} were not imported as they stand: see ${told}`,
      { code: "TOKENKEEP_IMPORT" },
    );
  }
}

function linkedError(path: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_INVALID_OPTIONS",
    `${path} has a second name (a hard link), which would be left with the CSV file. Remove that name, or open a copy.`,
  );
}

function otherError(original: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `${original} is to keep the imported file, but is another one. Move it away, and try again.`,
    { retryable: false },
  );
}
