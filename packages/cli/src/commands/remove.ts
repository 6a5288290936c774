import { pruneTokens } from "@tokenkeep/core";
import { TokenManager } from "@tokenkeep/oauth2";
import { confirm } from "../confirm.js";
import { type ChangeFlags, type Context, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { paceOf } from "../pace.js";
import { type ProviderFlags, providerFrom } from "../provider.js";
import { counted, escaped, parseDuration } from "../text.js";
import { targetQuestion } from "./move.js";

/** Deletes one record. */
export async function deleteOne(id: string, flags: ChangeFlags, { output, signal }: Context): Promise<void> {
  await withStore(flags, "existing", async (opened) => {
    const token = await opened.store.findTokenById(id);
    if (token === null) throw new CommandError(`There is no record ${escaped(JSON.stringify(id))}.`);
    if (!flags.dryRun) {
      const question = await targetQuestion(`Delete the record ${escaped(JSON.stringify(id))} from`, opened);
      await confirm(question, flags, signal);
      await opened.store.deleteToken(id, { ifRevision: token.revision! });
    }
    if (flags.json) await output.json({ id, deleted: !flags.dryRun, dryRun: flags.dryRun === true });
    else await output.data(flags.dryRun ? `Would delete ${escaped(id)}.` : `Deleted ${escaped(id)}.`);
  });
}

/** The options of `prune`. */
export interface PruneFlags extends ChangeFlags {
  readonly idle?: string | undefined;
  readonly age?: string | undefined;
  readonly expired?: boolean | undefined;
  readonly maxRate?: number | undefined;
}

/** Deletes records that are of no more use. */
export async function prune(flags: PruneFlags, { output, signal }: Context): Promise<void> {
  const rules = {
    ...(flags.idle !== undefined && { idleMs: parseDuration("--idle", flags.idle) }),
    ...(flags.age !== undefined && { ageMs: parseDuration("--age", flags.age) }),
    ...(flags.expired && { expired: true }),
  };
  if (Object.keys(rules).length === 0)
    throw new UsageError("Give at least one of --idle, --age and --expired.");
  await withStore(flags, "existing", async (opened) => {
    const { removed: wanted } = await pruneTokens(opened.store, { ...rules, dryRun: true, signal });
    if (!flags.dryRun && wanted > 0) {
      await confirm(await targetQuestion(`Delete ${counted(wanted, "record")} from`, opened), flags, signal);
    }
    const pace = paceOf(flags.maxRate, signal);
    let removed = 0;
    const onPrune = () => {
      removed++;
      output.progressAt(removed, () => `${removed.toLocaleString("en")} of ${wanted.toLocaleString("en")}`);
      return pace(removed);
    };
    const report = flags.dryRun
      ? { read: 0, removed: wanted, kept: 0 }
      : await pruneTokens(opened.store, { ...rules, signal, onPrune });
    output.end();
    if (flags.json)
      return output.json({ removed: report.removed, kept: report.kept, dryRun: flags.dryRun === true });
    const kept = report.kept === 0 ? "" : ` ${counted(report.kept, "record")} saved meanwhile stayed.`;
    const verb = flags.dryRun ? "would be deleted" : "deleted";
    await output.data(`${counted(report.removed, "record")} ${verb}.${kept}`);
  });
}

/** The options of `revoke`. */
export interface RevokeFlags extends ChangeFlags, ProviderFlags {}

/** Revokes a grant at the provider (RFC 7009), and deletes the record. */
export async function revoke(id: string, flags: RevokeFlags, { output, signal }: Context): Promise<void> {
  const provider = providerFrom(flags);
  await withStore(flags, "existing", async (opened) => {
    const token = await opened.store.findTokenById(id);
    if (token === null) throw new CommandError(`There is no record ${escaped(JSON.stringify(id))}.`);
    if (!flags.dryRun) {
      await confirm(
        await targetQuestion(`Revoke and delete ${escaped(JSON.stringify(id))} in`, opened),
        flags,
        signal,
      );
      const tokens = new TokenManager(opened.store, provider);
      try {
        await tokens.revoke({ id });
      } finally {
        await tokens.close();
      }
    }
    if (flags.json) await output.json({ id, revoked: !flags.dryRun, dryRun: flags.dryRun === true });
    else
      await output.data(
        flags.dryRun ? `Would revoke ${escaped(id)}.` : `Revoked and deleted ${escaped(id)}.`,
      );
  });
}
