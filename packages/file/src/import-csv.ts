import { hash } from "node:crypto";
import { closeSync, existsSync, linkSync, openSync, readFileSync, readSync } from "node:fs";
import { TokenStoreError } from "@tokenkeep/core";
import { joinTokens, readZohoCsv } from "@tokenkeep/core/zoho-formats";
import { hasCode } from "./errors.js";
import { encodeLine } from "./line.js";
import { headLine } from "./log-file.js";
import { putInPlace, putNew } from "./place.js";
import { putLine } from "./token-state.js";

/**
 * Puts a log in the place of a CSV file that Zoho's SDK wrote. The original stays beside it as
 * `<path>.<digest>.csv`, with what could not be read in `<path>.<digest>.problems.txt`.
 *
 * Many processes may do so at once, and each may die on the way: the names follow from the content, each is
 * taken once, and the log comes into place last.
 */
export function importCsv(path: string, namespace: string): void {
  if (!startsLikeCsv(path)) return;
  const text = readFileSync(path, "utf8");
  const digest = hash("sha256", text, "hex").slice(0, 12);
  const next = `${path}.${digest}.next`;
  const original = `${path}.${digest}.csv`;
  if (!existsSync(original)) {
    try {
      linkSync(path, original);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  }
  if (!startsLikeCsv(original)) {
    throw new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${path} was imported by another process just now. Try again.`,
    );
  }
  const { entries, problems } = joinTokens(readZohoCsv(text));
  if (problems.length > 0) {
    putNew(
      `${path}.${digest}.problems.txt`,
      problems.map(({ where, reason }) => `${where}: ${reason}\n`),
    );
    process.emitWarning(
      `${problems.length} of the rows of ${original} were not imported as they stand: see ${path}.${digest}.problems.txt`,
      { code: "TOKENKEEP_IMPORT" },
    );
  }
  putNew(next, [
    headLine("tokens"),
    ...entries.map(({ record }) => encodeLine(putLine(namespace, record, null))),
  ]);
  putInPlace(next, path);
}

/** Whether the first line is a header of Zoho's. */
function startsLikeCsv(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
  try {
    const head = Buffer.alloc(64);
    const length = readSync(fd, head, 0, head.length, 0);
    return /^\uFEFF?"?id"?,"?user_(mail|name)"?,/.test(head.toString("utf8", 0, length));
  } finally {
    closeSync(fd);
  }
}
