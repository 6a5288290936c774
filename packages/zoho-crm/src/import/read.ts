import { readFile } from "node:fs/promises";
import { type OAuthToken, TokenStoreError } from "@tokenkeep/core";
import { checkOptionNames } from "@tokenkeep/core/backend";
import type { Problem, Rows, ZohoClient, ZohoRow } from "../formats/columns.js";
import { readZohoCsv } from "../formats/csv.js";
import { joinRows } from "../formats/join.js";
import { readZohoJson, readZohoRows } from "../formats/rows.js";

/** What an SDK's own store held. */
export interface ZohoTokens {
  /** One per user and client: the rows that the SDKs' stores leave behind are joined, the newest value winning. */
  readonly tokens: readonly OAuthToken[];
  /** The lines and rows that are in none of the tokens, and why. No secret is shown. */
  readonly problems: readonly Problem[];
  /** Every row that could be read, as it is there. */
  readonly rows: readonly ZohoRow[];
  /** Those of the problems that are rows which could not be read. */
  readonly unreadable: readonly Problem[];
}

/** The names of {@link ZohoClient}. */
const CLIENT = ["clientId", "clientSecret"];

/**
 * Reads a file of an SDK's `FileStore`, in any version and language, or the JSON of an SDK before 2020. The file is
 * only read.
 * @param path the file
 * @param client the OAuth client of tokens that name none
 * @returns the tokens, and the lines that are in none of them
 * @throws TokenStoreError `ERR_CORRUPT` for another kind of file; `ERR_PERMISSION` or `ERR_UNAVAILABLE` if it can't be
 *   read; `ERR_INVALID_OPTIONS` if the path is not text, or a client is needed
 */
export async function fromZohoFile(path: string, client: ZohoClient = {}): Promise<ZohoTokens> {
  if (typeof path !== "string" || path === "") {
    const found = path === "" ? "empty" : `${path === null ? "null" : typeof path}, not text`;
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      `The path of the file is ${found}. If it comes from an environment variable: is that set?`,
    );
  }
  checkOptionNames("fromZohoFile", client, CLIENT);
  const text = await textOf(path);
  if (text.startsWith("SQLite format 3\0")) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      `${JSON.stringify(path)} is a SQLite database. Open it with better-sqlite3 or node:sqlite, and give the open ` +
        "database to fromZohoSqlite.",
    );
  }
  const isJson = /^\uFEFF?\s*[{[]/.test(text);
  return tokensOf(isJson ? readZohoJson(text, client) : readZohoCsv(text, client));
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isDenied = code === "EACCES" || code === "EPERM";
    throw new TokenStoreError(
      isDenied ? "ERR_PERMISSION" : "ERR_UNAVAILABLE",
      `The file ${JSON.stringify(path)} can't be read (${code}). Check the path and its mode.`,
      { cause: error, retryable: false },
    );
  }
}

/**
 * Reads the rows of an SDK's table, as any driver returns them for `SELECT * FROM oauthtoken`.
 * @param rows an object per row, with a property per column
 * @param client the OAuth client of tokens that name none
 * @returns the tokens, and the rows that are in none of them
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` if these are no rows, or a client is needed
 */
export function fromZohoTable(rows: Iterable<Record<string, unknown>>, client: ZohoClient = {}): ZohoTokens {
  if (typeof rows !== "object" || typeof rows?.[Symbol.iterator] !== "function") {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "The first argument must be the rows of a table: a list of objects with a property per column.",
    );
  }
  checkOptionNames("fromZohoTable", client, CLIENT);
  return tokensOf(readZohoRows(rows, client));
}

function tokensOf({ rows, problems }: Rows): ZohoTokens {
  const joined = joinRows(rows);
  return {
    tokens: joined.tokens.map(({ token }) => token),
    problems: [...problems, ...joined.problems],
    rows,
    unreadable: problems,
  };
}
