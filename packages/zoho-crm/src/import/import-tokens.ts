import { setImmediate as nextTurn } from "node:timers/promises";
import { isTokenStoreError, type OAuthToken, type TokenInput, type TokenStore } from "@tokenkeep/core";
import { checkFunction, checkOptionNames, checkSignal, invalidOption } from "@tokenkeep/core/backend";
import type { Problem } from "../formats/columns.js";
import { isCompatible, type JoinedToken, joinRows } from "../formats/join.js";
import { IMPORTED_ROWS, ImportedRows, saveIf } from "./imported-rows.js";
import type { ZohoTokens } from "./read.js";

/** What became of the tokens. */
export interface ImportReport {
  /** How many tokens were added, or completed a record that the store had. */
  readonly saved: number;
  /** How many the store had already, or had imported before. */
  readonly unchanged: number;
  /** The rows that were not imported, and why. No secret is shown. */
  readonly problems: readonly Problem[];
}

/** How {@link importTokens} works. */
export interface ImportOptions {
  /** How long to wait while another process imports, in milliseconds; by default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** Only counts what would be imported. */
  readonly dryRun?: boolean | undefined;
  /** Stops between two tokens: the call rejects with the signal's reason. Running it again continues. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told after each token that the store has now, or with `dryRun` would have, with its record. Where it returns a
   * promise, the next token waits for it.
   */
  readonly onImport?: ((record: OAuthToken) => void | Promise<void>) | undefined;
}

/** An import of 100,000 tokens takes a minute or two. */
const DEFAULT_TIMEOUT_MS = 300_000;
/** After how many tokens the store remembers which rows were imported. */
const BATCH = 100;

/**
 * Saves the tokens of an SDK's own store. It may stay in the program and run at every start, in many processes at once:
 * each row is imported once. So a token that was deleted after its import does not come back, and a row that the old
 * program adds later is imported at the next start.
 *
 * What the store has stays; its gaps are filled, and its access token is replaced by a newer one. One record,
 * `tokenkeep:zoho-import`, remembers which rows were imported; `deleteTokens()` removes it with all others.
 *
 * @param store where the tokens go
 * @param read what `fromZohoFile`, `fromZohoMysql`, `fromZohoSqlite` or `fromZohoTable` returned
 * @param options progress, a rehearsal, a signal that stops it, and how long to wait for another import
 * @returns how many were saved, and what was left out, with the reason
 * @throws TokenStoreError `ERR_LOCK_TIMEOUT` if another process imports for longer than that; any other but
 *   `ERR_CONFLICT`, which is one of the problems. It may be run again after each.
 */
export async function importTokens(
  store: TokenStore,
  read: ZohoTokens | Promise<ZohoTokens>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkOptionNames("importTokens", options, ["timeoutMs", "dryRun", "signal", "onImport"]);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, dryRun = false, signal, onImport } = options;
  checkSignal(signal);
  checkFunction("onImport", onImport);
  if (typeof (store as Partial<TokenStore> | null | undefined)?.findToken !== "function") {
    throw invalidOption("The first argument of importTokens must be a token store.");
  }
  const { tokens, rows, unreadable } = checkRead(await read);
  const nothing = { saved: 0, unchanged: tokens.length, problems: unreadable };
  // at every start but the first there is nothing to do, and no need to wait for anybody
  const imported = await ImportedRows.of(store);
  if (rows.every((row) => imported.has(row))) return nothing;

  const work = async (lock?: AbortSignal): Promise<ImportReport> => {
    const before = await ImportedRows.of(store);
    const joined = joinRows(rows.filter((row) => !before.has(row)));
    const problems = [...unreadable, ...joined.problems];
    let saved = 0;
    let done: JoinedToken[] = [];
    for (const each of joined.tokens) {
      lock?.throwIfAborted();
      const result = await importOne(store, each.token, dryRun);
      if ("reason" in result) problems.push({ where: each.where, reason: result.reason });
      else {
        if (result.isNews) saved++;
        await onImport?.(result.record);
      }
      if ("record" in result || result.isFinal) done.push(each);
      const isLast = each === joined.tokens.at(-1);
      if (done.length < BATCH && !isLast && !signal?.aborted) continue;
      if (!dryRun) await before.add(done.flatMap((token) => token.rows));
      done = [];
      // stores that answer at once would keep the lease from being renewed
      await nextTurn();
      if (!isLast) signal?.throwIfAborted();
    }
    const left = problems.length - unreadable.length - joined.problems.length;
    return { saved, unchanged: Math.max(0, tokens.length - saved - left), problems };
  };
  // without locks, the conditional saves still let nothing be lost
  if (!store.capabilities.locks || dryRun) return work();
  return store.withLock(IMPORTED_ROWS, (lease) => work(lease.signal), { timeoutMs, signal });
}

function checkRead(read: Partial<ZohoTokens> | null | undefined): ZohoTokens {
  if (Array.isArray(read?.tokens) && Array.isArray(read.rows) && Array.isArray(read.unreadable)) {
    return read as ZohoTokens;
  }
  throw invalidOption(
    "importTokens takes what fromZohoFile, fromZohoMysql, fromZohoSqlite or fromZohoTable return.",
  );
}

/** Why a token was not imported. */
interface Refusal {
  readonly reason: string;
  /** Whether later imports must not try again. */
  readonly isFinal: boolean;
}

/** The record of a token that the store has now, and whether it had to be saved for that. */
interface Imported {
  readonly record: OAuthToken;
  readonly isNews: boolean;
}

async function importOne(store: TokenStore, token: OAuthToken, dryRun: boolean): Promise<Imported | Refusal> {
  for (;;) {
    const [found, wanted] = await find(store, token);
    const news = found === null ? wanted : newsFor(found, wanted);
    if (news === null) return { record: found!, isNews: false };
    if ("reason" in news) return news;
    if (dryRun) return { record: wanted, isNews: true };
    try {
      return { record: await saveIf(store, news, found), isNews: true };
    } catch (error) {
      if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
      // a conflict about the revision: another caller has saved since. Look again.
      if (error.property !== "revision") return { reason: error.message, isFinal: false };
    }
  }
}

/** The record that a token belongs to, and the token: without its id, if that is another user's in this store. */
async function find(store: TokenStore, token: OAuthToken): Promise<[OAuthToken | null, OAuthToken]> {
  const sameId = token.id === null ? null : await store.findTokenById(token.id);
  if (sameId !== null && isCompatible(sameId, token)) return [sameId, token];
  const nameless = token.with({ id: null });
  return [await store.findToken(nameless), sameId === null ? token : nameless];
}

/** What the record lacks; null if that is nothing; or why it can't have it. */
function newsFor(found: OAuthToken, token: OAuthToken): TokenInput | Refusal | null {
  if (
    found.refreshToken !== null &&
    token.refreshToken !== null &&
    found.refreshToken !== token.refreshToken
  ) {
    const reason = `the store's record ${JSON.stringify(found.id)} has another refresh token for this user and client`;
    return { reason: `${reason}, which stays`, isFinal: true };
  }
  const news: Record<string, unknown> = {};
  for (const name of GAPS) if (found[name] === null && token[name] !== null) news[name] = token[name];
  const isNewer = token.expiresAt !== null && found.expiresAt !== null && token.expiresAt > found.expiresAt;
  const isSame = token.accessToken === found.accessToken;
  if (token.accessToken !== null && !isSame && (found.accessToken === null || isNewer)) {
    Object.assign(news, { accessToken: token.accessToken, expiresAt: token.expiresAt });
  } else if (isSame && token.expiresAt !== null && found.expiresAt === null) {
    news.expiresAt = token.expiresAt;
  }
  return Object.keys(news).length === 0 ? null : { ...news, id: found.id };
}

/** What a record may lack. Its access token is another matter: that has an expiry. */
const GAPS = [
  "userSignature",
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "apiDomain",
] as const;
