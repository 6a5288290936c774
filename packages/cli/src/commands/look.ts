import { closeSync, writeSync } from "node:fs";
import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { storedRecords } from "@tokenkeep/core/backend";
import { confirm } from "../confirm.js";
import { type Context, type StoreFlags, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { openExport } from "../files.js";
import { StreamedTable } from "../table.js";
import { counted, escaped, parseDuration, relative } from "../text.js";
import { expiryText, isMemo, jsonOf, summaryOf, type TokenSummary } from "../tokens.js";

/** The options of `list`. */
export interface ListFlags extends StoreFlags {
  readonly user?: string | undefined;
  readonly client?: string | undefined;
  readonly expired?: boolean | undefined;
  readonly idle?: string | undefined;
  readonly sort?: string | undefined;
  readonly reverse?: boolean | undefined;
}

const SORTS: Readonly<Record<string, (summary: TokenSummary) => string | number>> = {
  created: ({ createdAt }) => createdAt,
  saved: ({ savedAt }) => savedAt,
  expires: ({ expiresAt }) => expiresAt ?? Number.MAX_SAFE_INTEGER,
  user: ({ user }) => user ?? "",
};

/** Lists the records, without opening what is sealed. */
export async function list(flags: ListFlags, { output, signal }: Context): Promise<void> {
  const keep = filterOf(flags);
  const sort = flags.sort === undefined ? undefined : SORTS[flags.sort];
  if (flags.sort !== undefined && sort === undefined) {
    throw new UsageError(`--sort must be one of ${Object.keys(SORTS).join(", ")}.`);
  }
  await withStore(flags, "existing", async ({ store }) => {
    const table = new StreamedTable(
      ["ID", "USER", "CLIENT", "EXPIRES", "SAVED", "REV", "STATE", "KEY"],
      (line) => output.data(line),
    );
    let count = 0;
    const show = async (summary: TokenSummary) => {
      count++;
      if (flags.json) return output.json(summary);
      await table.add([
        escaped(summary.id),
        escaped(summary.user ?? "–"),
        escaped(summary.clientId ?? "–"),
        expiryText(summary, output),
        relative(summary.savedAt),
        String(summary.revision),
        escaped(summary.state),
        escaped(summary.keys.join(" ")),
      ]);
    };
    // Sorted by anything but the first save, all rows have to be there first.
    const sorted: TokenSummary[] = [];
    for await (const stored of storedRecords(store, signal)) {
      const summary = summaryOf(stored);
      if (isMemo(summary.id) || !keep(summary)) continue;
      if (sort === undefined && !flags.reverse) await show(summary);
      else sorted.push(summary);
    }
    const by = sort ?? SORTS.created!;
    const direction = flags.reverse ? -1 : 1;
    sorted.sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      return x === y ? 0 : x < y ? -direction : direction;
    });
    for (const summary of sorted) await show(summary);
    await table.end();
    if (!flags.json && output.isTerminal) output.say(counted(count, "record"));
  });
}

function filterOf(flags: ListFlags): (summary: TokenSummary) => boolean {
  const now = Date.now();
  const idleMs = flags.idle === undefined ? undefined : parseDuration("--idle", flags.idle);
  return ({ user, clientId, expiresAt, savedAt }) =>
    (flags.user === undefined || user === flags.user) &&
    (flags.client === undefined || clientId === flags.client) &&
    (!flags.expired || (expiresAt !== null && expiresAt <= now)) &&
    (idleMs === undefined || now - savedAt > idleMs);
}

/** The options of `show` and `find`. */
export interface ShowFlags extends StoreFlags {
  readonly reveal?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly input?: boolean | undefined;
}

/** Shows one record by its id. */
export async function show(id: string, flags: ShowFlags, context: Context): Promise<void> {
  await showOne(
    flags,
    context,
    (store) => store.findTokenById(id),
    `There is no record ${JSON.stringify(id)}.`,
  );
}

/** Shows the record that a program would find for a user. */
export async function find(
  flags: ShowFlags & { user: string; client?: string | undefined },
  context: Context,
): Promise<void> {
  const query = { userSignature: { name: flags.user }, clientId: flags.client };
  const missing = `No record matches the user ${JSON.stringify(flags.user)}.`;
  await showOne(flags, context, (store) => store.findToken(query), missing);
}

async function showOne(
  flags: ShowFlags,
  { output, signal }: Context,
  lookUp: (store: TokenStore) => Promise<OAuthToken | null>,
  missing: string,
): Promise<void> {
  const { reveal = false } = flags;
  if (reveal)
    await confirm("This shows secrets: whoever sees them can act as the user. Go on?", flags, signal);
  await withStore(flags, "existing", async ({ store }) => {
    const token = await lookUp(store);
    if (token === null) throw new CommandError(escaped(missing));
    const plain = jsonOf(token, reveal);
    if (flags.json) return output.json(plain);
    for (const [name, value] of Object.entries(plain)) {
      if (value === null) continue;
      const isTime = /At$/.test(name);
      const text = isTime
        ? `${new Date(value as number).toISOString()} (${relative(value as number)})`
        : typeof value === "string" || typeof value === "number"
          ? String(value)
          : name === "userSignature"
            ? (value as { name: string }).name
            : JSON.stringify(value);
      await output.data(`${name.padEnd(22)} ${escaped(text)}`);
    }
  });
}

/** The options of `export`. */
export interface ExportFlags extends StoreFlags {
  readonly output?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

/** Writes every token, secrets included, as a line of JSON. */
export async function exportTokens(flags: ExportFlags, { output, signal }: Context): Promise<void> {
  if (!flags.plaintext) {
    throw new UsageError(
      "An export holds every secret in plaintext. Repeat the command with --plaintext, and protect the file. " +
        "For a list without secrets: tokenkeep list --json.",
    );
  }
  if (output.isTerminal && flags.output === undefined) {
    throw new UsageError("An export would show every secret on this terminal. Give --output FILE.");
  }
  await withStore(flags, "existing", async ({ store }) => {
    const file = flags.output === undefined ? undefined : openExport(flags.output);
    let count = 0;
    try {
      for await (const token of store.tokens()) {
        signal.throwIfAborted();
        const line = JSON.stringify(token.toPlain());
        if (file === undefined) await output.data(line);
        else writeSync(file, `${line}\n`);
        count++;
      }
    } finally {
      if (file !== undefined) closeSync(file);
    }
    if (file !== undefined) output.say(`${counted(count, "token")} exported to ${escaped(flags.output!)}.`);
  });
}
