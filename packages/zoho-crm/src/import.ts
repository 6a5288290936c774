import { readFile } from "node:fs/promises";
import {
  isTokenStoreError,
  OAuthToken,
  type PlainToken,
  type TokenStore,
  TokenStoreError,
} from "@tokenkeep/core";
import {
  joinTokens,
  type Problem,
  readZohoCsv,
  readZohoRows,
  type ZohoRead,
} from "@tokenkeep/core/zoho-formats";

/** What an SDK's own store held. */
export interface ZohoTokens {
  /** One per user and client: the rows that the SDK's stores leave behind are joined, the newest value winning. */
  readonly tokens: readonly OAuthToken[];
  /** The lines and rows that are in none of the tokens, and why. No secret is shown. */
  readonly problems: readonly Problem[];
}

/** What became of the tokens that were imported. */
export interface ImportReport {
  /** How many tokens were added, or added something. */
  readonly saved: number;
  /** How many the store had already, as new or newer. */
  readonly unchanged: number;
  /** Those of the reading, and the tokens that the store could not take. */
  readonly problems: readonly Problem[];
}

/**
 * Reads a file of an SDK's `FileStore`, of any version and language. The file is only read.
 * @param path the file
 * @returns the tokens, and the lines that are in none of them
 * @throws TokenStoreError `ERR_CORRUPT` where it is another kind of file; `ERR_PERMISSION` or `ERR_UNAVAILABLE`
 *   where it can't be read
 */
export async function fromZohoFile(path: string): Promise<ZohoTokens> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isDenied = code === "EACCES" || code === "EPERM";
    throw new TokenStoreError(
      isDenied ? "ERR_PERMISSION" : "ERR_UNAVAILABLE",
      `The file ${JSON.stringify(path)} can't be read (${code}). Check the path and its mode.`,
      { cause: error, retryable: false },
    );
  }
  return joined(readZohoCsv(text));
}

/**
 * Reads the rows of a `DBStore`'s table `oauthtoken`: what `SELECT * FROM oauthtoken` gives with any driver.
 * @param rows an object per row, with a property per column
 * @returns the tokens, and the rows that are in none of them
 */
export function fromZohoTable(rows: Iterable<Record<string, unknown>>): ZohoTokens {
  return joined(readZohoRows(rows));
}

function joined(read: ZohoRead): ZohoTokens {
  const { entries, problems } = joinTokens(read);
  const tokens = entries.map(({ record }) => {
    const { id, clientId, clientSecret, redirectUrl, grantToken, refreshToken, accessToken, expiresAt } =
      record;
    const userSignature = record.userName === null ? null : { name: record.userName };
    const access = { accessToken, expiresAt, apiDomain: record.apiDomain };
    return new OAuthToken({
      id,
      userSignature,
      clientId,
      clientSecret,
      redirectUrl,
      grantToken,
      refreshToken,
      ...access,
    });
  });
  return { tokens, problems };
}

/**
 * Puts tokens that were read into a store. Running it again, at each start of a program even, does no harm: what
 * the store has and is as new stays, and only its gaps are filled.
 * @param store where they go
 * @param read what `fromZohoFile` or `fromZohoTable` gave
 * @returns how many were saved, and what was left out, with the reason
 * @throws TokenStoreError any but `ERR_CONFLICT`, which is one of the problems
 */
export async function importTokens(store: TokenStore, read: ZohoTokens): Promise<ImportReport> {
  const problems = [...read.problems];
  let saved = 0;
  let unchanged = 0;
  for (const token of read.tokens) {
    try {
      if (await importToken(store, token)) saved++;
      else unchanged++;
    } catch (error) {
      // a value that another record has: this token alone is left out. All else ends the import.
      if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
      problems.push({ where: nameOf(token), reason: error.message });
    }
  }
  return { saved, unchanged, problems };
}

function nameOf({ id, userSignature }: OAuthToken): string {
  const user = userSignature === null ? "" : ` of ${JSON.stringify(userSignature.name)}`;
  return `the token${user} (id ${JSON.stringify(id)})`;
}

/** @returns whether there was anything to save */
async function importToken(store: TokenStore, token: OAuthToken): Promise<boolean> {
  for (;;) {
    const found = (await store.findToken(token)) ?? (await store.findToken(token.with({ id: null })));
    const news = found === null ? token : newsFor(found, token);
    if (news === null) return false;
    try {
      await store.saveToken(news, { ifRevision: found?.revision ?? 0 });
      return true;
    } catch (error) {
      // saved by somebody else meanwhile: look again
      if (!isTokenStoreError(error) || error.property !== "revision") throw error;
    }
  }
}

/** What the store lacks; null where that is nothing. */
function newsFor(found: OAuthToken, token: OAuthToken): OAuthToken | null {
  if (isOther(found, token)) {
    throw new TokenStoreError(
      "ERR_CONFLICT",
      `The record ${JSON.stringify(found.id)} of the store has this id, and is another user's or client's.`,
      { property: "id", ...(found.id === null ? {} : { id: found.id }) },
    );
  }
  const old = found.toPlain();
  const plain = token.toPlain();
  const isNewer = plain.expiresAt !== null && old.expiresAt !== null && plain.expiresAt > old.expiresAt;
  const news: Partial<PlainToken> = {};
  for (const property of Object.keys(plain) as (keyof PlainToken)[]) {
    if (property === "id" || property === "revision" || property === "expiresAt") continue;
    const isGap = old[property] === null;
    const isSame = property === "userSignature" || old[property] === plain[property];
    if (plain[property] !== null && (isGap || (isNewer && !isSame))) {
      Object.assign(news, { [property]: plain[property] });
    }
  }
  const hasEnd = plain.accessToken === (news.accessToken ?? old.accessToken) && plain.expiresAt !== null;
  if (hasEnd && plain.expiresAt !== old.expiresAt && (isNewer || old.expiresAt === null)) {
    news.expiresAt = plain.expiresAt;
  }
  return Object.keys(news).length === 0 ? null : new OAuthToken({ ...news, id: found.id });
}

function isOther(found: OAuthToken, token: OAuthToken): boolean {
  const differ = (a: string | null | undefined, b: string | null | undefined) => a && b && a !== b;
  return Boolean(
    differ(found.clientId, token.clientId) || differ(found.userSignature?.name, token.userSignature?.name),
  );
}
