import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import {
  isTokenStoreError,
  keysInUse,
  type OAuthToken,
  type TokenInput,
  type TokenStore,
} from "@tokenkeep/core";
import { storedRecords } from "@tokenkeep/core/backend";
import { fromZohoFile, importTokens, type ZohoTokens } from "@tokenkeep/zoho-crm";
import { confirm } from "../confirm.js";
import { type ChangeFlags, type Context, closing, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { firstBytes } from "../files.js";
import { encryptionFrom } from "../keys.js";
import { paceOf } from "../pace.js";
import type { OpenStore } from "../store-url.js";
import { openStore, urlFrom } from "../store-url.js";
import { counted, escaped } from "../text.js";
import { isMemo } from "../tokens.js";
import { fromZohoDatabase } from "./zoho-database.js";

/** What a copy did. */
interface Counts {
  read: number;
  /** Inserted, or replaced by a newer version. */
  written: number;
  /** Left as they are in the target. */
  kept: number;
  problems: { id: string; reason: string }[];
}

interface MoveFlags extends ChangeFlags {
  readonly maxRate?: number | undefined;
}

/** The options of `copy`. */
export interface CopyFlags extends MoveFlags {
  readonly to?: string | undefined;
  readonly toNamespace?: string | undefined;
  readonly toKeysFile?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

/** Copies every token to another store. It may be repeated, and never overwrites a newer token. */
export async function copy(flags: CopyFlags, context: Context): Promise<void> {
  await withStore(flags, "existing", async (source) => {
    const target = await openStore(
      {
        url: flags.to,
        namespace: flags.toNamespace ?? flags.namespace,
        encryption: encryptionFrom(flags.toKeysFile, "TOKENKEEP_TO_KEYS"),
        open: flags.dryRun ? "existing" : "create",
      },
      "--to",
    );
    await closing(target.store, async () => {
      await checkProtection(source, flags);
      const isEmpty = await isStoreEmpty(target.store, flags.dryRun === true);
      if (!isEmpty && !flags.dryRun)
        await confirm(await targetQuestion("Copy into", target), flags, context.signal);
      const counts = await importAll(source.store.tokens(), target.store, flags, context, isEmpty);
      await conclude("copied", AS_NEW, counts, source.store.tokens(), target.store, flags, context);
    });
  });
}

// Secrets never become less protected on the way.
async function checkProtection(source: OpenStore, flags: CopyFlags): Promise<void> {
  const isSealed = flags.toKeysFile !== undefined || process.env.TOKENKEEP_TO_KEYS !== undefined;
  if (isSealed || flags.plaintext) return;
  const { keys } = await keysInUse(source.store);
  if (Object.keys(keys).length === 0) return;
  throw new UsageError(
    "The source is encrypted and the target would not be. Give the target's keys in TOKENKEEP_TO_KEYS or --to-keys-file, " +
      "or repeat the command with --plaintext.",
  );
}

async function isStoreEmpty(store: TokenStore, isDryRun: boolean): Promise<boolean> {
  try {
    for await (const _token of store.tokens()) return false;
    return true;
  } catch (error) {
    // A dry run creates nothing, so the target may not be there yet.
    if (isDryRun && isTokenStoreError(error) && error.code === "ERR_SCHEMA") return true;
    throw error;
  }
}

/** A question that names the target and what is in it. */
export async function targetQuestion(what: string, { store, label }: OpenStore): Promise<string> {
  let records = 0;
  for await (const { record } of storedRecords(store)) if (!isMemo(record.id)) records++;
  return `${what} ${label}, which has ${counted(records, "record")}?`;
}

async function importAll(
  tokens: AsyncIterable<TokenInput>,
  target: TokenStore,
  flags: MoveFlags,
  context: Context,
  isTargetEmpty: boolean,
): Promise<Counts> {
  const counts: Counts = { read: 0, written: 0, kept: 0, problems: [] };
  const importOne = async (token: TokenInput): Promise<void> => {
    try {
      const isWritten = flags.dryRun
        ? isTargetEmpty || (await isNewer(token, target))
        : await target.importToken(token);
      if (isWritten) counts.written++;
      else counts.kept++;
    } catch (error) {
      if (!isTokenStoreError(error) || !["ERR_CONFLICT", "ERR_INVALID_TOKEN"].includes(error.code))
        throw error;
      counts.problems.push({ id: idOf(token), reason: error.message });
    }
  };
  const work = (onDone: OnDone) => forEach(tokens, context.signal, importOne, onDone);
  counts.read = await measured(flags, context, work, (count) => count);
  return counts;
}

function idOf({ id }: TokenInput): string {
  return id ?? "a token without an id";
}

/** Told after every few tokens how many are done. The next ones wait for it. */
type OnDone = (count: number) => Promise<void>;

/**
 * Keeps the rate while tokens are moved, shows how far it is, and says at the end how fast it was.
 * @param work moves them
 * @param countOf how many there were, by what `work` returned
 * @returns what `work` returned
 */
async function measured<T>(
  { maxRate }: MoveFlags,
  { output, signal }: Context,
  work: (onDone: OnDone) => Promise<T>,
  countOf: (result: T) => number,
): Promise<T> {
  const pace = paceOf(maxRate, signal);
  const startedAt = performance.now();
  const result = await work(async (count) => {
    output.progressAt(count, () => `${counted(count, "token")}, ${rate(count, startedAt)}`);
    await pace(count);
  });
  output.end();
  output.say(`${counted(countOf(result), "token")} read, ${rate(countOf(result), startedAt)}.`);
  return result;
}

/** How many tokens are imported or looked up at the same time. */
const AT_ONCE = 20;

/**
 * Does something for every token, a few at the same time.
 * @returns how many there were
 */
async function forEach<T>(
  items: AsyncIterable<T> | Iterable<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
  onDone: OnDone,
): Promise<number> {
  let count = 0;
  let some: Promise<void>[] = [];
  for await (const item of items) {
    signal.throwIfAborted();
    count++;
    const one = work(item);
    one.catch(() => {}); // it may fail before it is waited for
    some.push(one);
    if (some.length < AT_ONCE) continue;
    await Promise.all(some);
    some = [];
    await onDone(count);
  }
  await Promise.all(some);
  return count;
}

async function isNewer(token: TokenInput, target: TokenStore): Promise<boolean> {
  const stored = await target.findTokenById(String(token.id));
  return stored === null || stored.savedAt! < token.savedAt!;
}

function rate(count: number, startedAt: number): string {
  const seconds = Math.max((performance.now() - startedAt) / 1000, 0.001);
  return `${Math.round(count / seconds).toLocaleString("en")} per second`;
}

/** Why a token of a store or of an export is kept. */
const AS_NEW = "as new or newer there";

/**
 * Reports what was done, and verifies it.
 * @param why what is kept is kept
 * @param moved the tokens once more
 * @throws CommandError if a token was left out
 */
async function conclude(
  verb: string,
  why: string,
  counts: Counts,
  moved: AsyncIterable<TokenInput> | Iterable<TokenInput>,
  target: TokenStore,
  flags: MoveFlags,
  context: Context,
): Promise<void> {
  const { output } = context;
  const { read, written, kept, problems } = counts;
  if (flags.json) {
    await output.json({ read, written, kept, problems, dryRun: flags.dryRun === true });
  } else {
    const would = flags.dryRun ? "would be " : "";
    await output.data(
      `${counted(written, "token")} ${would}${verb}, ${kept.toLocaleString("en")} kept as they are: ${why}.`,
    );
    for (const { id, reason } of problems)
      await output.data(`not ${verb}: ${escaped(id)}: ${escaped(reason)}`);
  }
  if (!flags.dryRun) await verify(moved, target, counts, flags, context);
  if (problems.length > 0)
    throw new CommandError(`${counted(problems.length, "token")} could not be ${verb}.`);
}

/** Reads the target again: every token that was moved must be there, as new or newer. */
async function verify(
  moved: AsyncIterable<TokenInput> | Iterable<TokenInput>,
  target: TokenStore,
  { read, problems }: Counts,
  { maxRate, json }: MoveFlags,
  { output, signal }: Context,
): Promise<void> {
  const known = new Set(problems.map(({ id }) => id));
  const pace = paceOf(maxRate, signal);
  let verified = 0;
  let missing = 0;
  const check = async (token: TokenInput) => {
    if (known.has(idOf(token))) return;
    if (await isNewer(token, target)) missing++;
    else verified++;
  };
  await forEach(moved, signal, check, async (count) => {
    output.progressAt(count, () => `verified ${count.toLocaleString("en")} of ${read.toLocaleString("en")}`);
    await pace(count);
  });
  output.end();
  if (missing > 0) {
    throw new CommandError(
      `${counted(missing, "token")} changed in the source meanwhile, or are missing in the target. Run the command again.`,
    );
  }
  if (!json && verified > 0)
    output.say(`Verified: every one of ${counted(verified, "token")} is in the target.`);
}

/** The options of `import`. */
export interface ImportFlags extends MoveFlags {
  readonly table?: string | undefined;
  readonly clientId?: string | undefined;
}

/** Imports an export of another store, or the file, table or SQLite database of a Zoho SDK. */
export async function importFrom(given: string, flags: ImportFlags, context: Context): Promise<void> {
  const source = urlFrom(given);
  const kind = kindOf(source);
  await withStore(flags, flags.dryRun ? "existing" : "create", async (target) => {
    const isEmpty = await isStoreEmpty(target.store, flags.dryRun === true);
    if (!isEmpty && !flags.dryRun)
      await confirm(await targetQuestion("Import into", target), flags, context.signal);
    if (kind === "export") {
      const counts = await importAll(readExport(source), target.store, flags, context, isEmpty);
      await conclude("imported", AS_NEW, counts, readExport(source), target.store, flags, context);
      return;
    }
    const client = { clientId: flags.clientId };
    const read =
      kind === "zoho file"
        ? await fromZohoFile(source, client)
        : await fromZohoDatabase(kind, source, flags.table, client);
    await importZoho(read, target.store, isEmpty, flags, context);
  });
}

/** Why a token of a Zoho SDK is kept. */
const KNOWN = "there already, or imported before";

async function importZoho(
  read: ZohoTokens,
  target: TokenStore,
  isEmpty: boolean,
  flags: MoveFlags,
  context: Context,
): Promise<void> {
  const dryRun = flags.dryRun === true;
  const imported: OAuthToken[] = [];
  const work = (onDone: OnDone) =>
    importTokens(target, read, {
      dryRun,
      signal: context.signal,
      onImport: (record) => onDone(imported.push(record)),
    });
  const { saved, unchanged, problems } =
    dryRun && isEmpty
      ? { saved: read.tokens.length, unchanged: 0, problems: read.problems } // the target may not be there yet
      : await measured(flags, context, work, () => read.tokens.length);
  const counts = {
    read: saved + unchanged + problems.length,
    written: saved,
    kept: unchanged,
    problems: problems.map(({ where, reason }) => ({ id: where, reason })),
  };
  // A token that was deleted after an earlier import stays deleted, so only those of this one must be there.
  await conclude("imported", KNOWN, counts, imported, target, flags, context);
}

/** What a source is, by its first bytes. */
function kindOf(source: string): "export" | "zoho file" | "sqlite" | "mysql" {
  if (/^(mysql|mariadb):/.test(source)) return "mysql";
  const start = firstBytes(source);
  if (start.startsWith("SQLite format 3")) return "sqlite";
  if (start.startsWith('{"op":')) {
    throw new UsageError(
      `${escaped(source)} is a store. Use copy, with --store ${escaped(`file:${source}`)}.`,
    );
  }
  return start.startsWith("{") ? "export" : "zoho file";
}

async function* readExport(path: string): AsyncGenerator<TokenInput> {
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number++;
    if (line === "") continue;
    yield tokenOf(line, `Line ${number} of ${escaped(path)}`);
  }
}

function tokenOf(line: string, where: string): TokenInput {
  let token: unknown;
  try {
    token = JSON.parse(line);
  } catch {
    throw new CommandError(`${where} is not JSON. Nothing after it was imported.`);
  }
  if (typeof token === "object" && token !== null) return token;
  throw new CommandError(`${where} is no token. Nothing after it was imported.`);
}
