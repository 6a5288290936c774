import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import { isTokenStoreError, keysInUse, type TokenInput, type TokenStore } from "@tokenkeep/core";
import { fromZohoFile, importTokens } from "@tokenkeep/zoho-crm";
import { confirm } from "../confirm.js";
import { type ChangeFlags, type Context, closing, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { encryptionFrom } from "../keys.js";
import type { OpenStore } from "../store-url.js";
import { openStore, urlFrom } from "../store-url.js";
import { counted, escaped } from "../text.js";
import { fromZohoDatabase } from "./zoho-database.js";

/** What a copy did. */
interface Counts {
  read: number;
  /** Inserted, or replaced by a newer version. */
  written: number;
  /** The target has a version that is as new or newer. */
  kept: number;
  problems: { id: string; reason: string }[];
}

/** The options of `copy`. */
export interface CopyFlags extends ChangeFlags {
  readonly to?: string | undefined;
  readonly toNamespace?: string | undefined;
  readonly toKeysFile?: string | undefined;
  readonly plaintext?: boolean | undefined;
  readonly maxRate?: string | undefined;
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
      await report("copied", counts, flags, context);
      if (!flags.dryRun) await verify(source.store.tokens(), target.store, counts, flags, context);
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
  const { records } = await keysInUse(store);
  return `${what} ${label}, which has ${counted(records, "record")}?`;
}

async function importAll(
  tokens: AsyncIterable<TokenInput>,
  target: TokenStore,
  flags: CopyFlags,
  { output, signal }: Context,
  isTargetEmpty: boolean,
): Promise<Counts> {
  const counts: Counts = { read: 0, written: 0, kept: 0, problems: [] };
  const pace = paceOf(flags.maxRate);
  const startedAt = performance.now();
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
      counts.problems.push({ id: String(token.id), reason: error.message });
    }
  };
  counts.read = await forEach(tokens, signal, importOne, async (count) => {
    await pace(count);
    if (count % 500 === 0) output.progress(`${counted(count, "token")}, ${rate(count, startedAt)}`);
  });
  output.end();
  output.say(`${counted(counts.read, "token")} read, ${rate(counts.read, startedAt)}.`);
  return counts;
}

/** How many tokens are imported or looked up at the same time. */
const AT_ONCE = 20;

/**
 * Does something for every token, a few at the same time.
 * @param afterSome told after every few how many are done
 * @returns how many there were
 */
async function forEach<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
  afterSome: (count: number) => void | Promise<void>,
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
    await afterSome(count);
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

/** Waits so that no more than so many records are touched in a second. */
export function paceOf(maxRate: string | undefined): (count: number) => Promise<void> {
  if (maxRate === undefined) return async () => {};
  const perSecond = Number(maxRate);
  if (!(perSecond > 0)) throw new UsageError("--max-rate must be a number of records per second.");
  const startedAt = performance.now();
  return async (count) => {
    const ms = (count / perSecond) * 1000 - (performance.now() - startedAt);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  };
}

async function report(verb: string, counts: Counts, flags: ChangeFlags, { output }: Context): Promise<void> {
  const { read, written, kept, problems } = counts;
  if (flags.json) {
    await output.json({ read, written, kept, problems, dryRun: flags.dryRun === true });
  } else {
    const would = flags.dryRun ? "would be " : "";
    await output.data(
      `${counted(written, "token")} ${would}${verb}, ${kept} kept as they are: as new or newer there.`,
    );
    for (const { id, reason } of problems)
      await output.data(`not ${verb}: ${escaped(id)}: ${escaped(reason)}`);
  }
  if (problems.length > 0)
    throw new CommandError(`${counted(problems.length, "token")} could not be ${verb}.`);
}

/** Reads both again: every token of the source must be in the target, as new or newer. */
async function verify(
  source: AsyncIterable<TokenInput>,
  target: TokenStore,
  { read, problems }: Counts,
  flags: CopyFlags,
  { output, signal }: Context,
): Promise<void> {
  const known = new Set(problems.map(({ id }) => id));
  let missing = 0;
  const check = async (token: TokenInput) => {
    if (!known.has(String(token.id)) && (await isNewer(token, target))) missing++;
  };
  const checked = await forEach(source, signal, check, (count) => {
    if (count % 500 === 0)
      output.progress(`verified ${count.toLocaleString("en")} of ${read.toLocaleString("en")}`);
  });
  output.end();
  if (missing > 0) {
    throw new CommandError(
      `${counted(missing, "token")} changed in the source meanwhile, or are missing in the target. Run the command again.`,
    );
  }
  if (!flags.json) output.say(`Verified: every one of ${counted(checked, "token")} is in the target.`);
}

/** The options of `import`. */
export interface ImportFlags extends CopyFlags {
  readonly table?: string | undefined;
  readonly clientId?: string | undefined;
}

/** Imports an export of another store, or the file, table or SQLite database of a Zoho SDK. */
export async function importFrom(given: string, flags: ImportFlags, context: Context): Promise<void> {
  const source = urlFrom(given);
  await withStore(flags, flags.dryRun ? "existing" : "create", async (target) => {
    const isEmpty = await isStoreEmpty(target.store, flags.dryRun === true);
    if (!isEmpty && !flags.dryRun)
      await confirm(await targetQuestion("Import into", target), flags, context.signal);
    const kind = kindOf(source);
    if (kind === "export") {
      const counts = await importAll(readExport(source), target.store, flags, context, isEmpty);
      await report("imported", counts, flags, context);
      if (!flags.dryRun) await verify(readExport(source), target.store, counts, flags, context);
      return;
    }
    const client = { clientId: flags.clientId };
    const read =
      kind === "zoho file"
        ? fromZohoFile(source, client)
        : fromZohoDatabase(kind, source, flags.table, client);
    if (flags.dryRun) {
      const { tokens, unreadable } = await read;
      const counts: Counts = { read: tokens.length, written: 0, kept: 0, problems: [] };
      for (const token of tokens) {
        if (isEmpty || (await target.store.findToken(token)) === null) counts.written++;
        else counts.kept++;
      }
      for (const { where, reason } of unreadable)
        context.output.say(`not readable: ${escaped(where)}: ${escaped(reason)}`);
      return report("imported", counts, flags, context);
    }
    const { saved, unchanged, problems } = await importTokens(target.store, read);
    const counts = {
      read: saved + unchanged + problems.length,
      written: saved,
      kept: unchanged,
      problems: problems.map(({ where, reason }) => ({ id: where, reason })),
    };
    return report("imported", counts, flags, context);
  });
}

/** What a source is, by its first bytes. */
function kindOf(source: string): "export" | "zoho file" | "sqlite" | "mysql" {
  if (/^(mysql|mariadb):/.test(source)) return "mysql";
  const start = Buffer.alloc(16);
  let file: number;
  try {
    file = openSync(source, "r");
  } catch (error) {
    throw new CommandError(`${escaped(source)} can't be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  readSync(file, start, 0, 16, 0);
  closeSync(file);
  if (start.toString("latin1").startsWith("SQLite format 3")) return "sqlite";
  return start[0] === "{".charCodeAt(0) ? "export" : "zoho file";
}

async function* readExport(path: string): AsyncGenerator<TokenInput> {
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number++;
    if (line === "") continue;
    let token: TokenInput;
    try {
      token = JSON.parse(line) as TokenInput;
    } catch {
      throw new CommandError(
        `Line ${number} of ${escaped(path)} is not JSON. Nothing after it was imported.`,
      );
    }
    yield token;
  }
}
