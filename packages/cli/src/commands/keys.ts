import { generateKey, keysInUse, rekey } from "@tokenkeep/core";
import { confirm } from "../confirm.js";
import { type ChangeFlags, type Context, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { paceOf } from "../pace.js";
import { counted, escaped } from "../text.js";

/** Prints a new key. */
export async function keygen(id: string | undefined, { output }: Context): Promise<void> {
  const key = generateKey(id ?? new Date().toISOString().slice(0, 10));
  // A file of keys must not end with a line break.
  await output.text(output.isTerminal ? `${key}\n` : key);
}

/** The options of `rekey`. */
export interface RekeyFlags extends ChangeFlags {
  readonly to?: string | undefined;
  readonly plaintext?: boolean | undefined;
  readonly maxRate?: number | undefined;
}

/** Seals every record with the first key that seals, while programs run. */
export async function rekeyStore(flags: RekeyFlags, { output, signal }: Context): Promise<void> {
  if (flags.to !== undefined && flags.to !== "plaintext")
    throw new UsageError('--to must be "plaintext", or left out.');
  if (flags.to === "plaintext" && !flags.plaintext && !flags.dryRun) {
    throw new UsageError("This stores every secret in plaintext. Repeat the command with --plaintext.");
  }
  await withStore(flags, "existing", async ({ store, label }) => {
    const before = await keysInUse(store);
    if (flags.dryRun) {
      if (flags.json) return output.json({ ...before, dryRun: true });
      return output.data(
        `${label}: ${counted(before.records, "record")}; ${usage(before)}. Nothing was changed.`,
      );
    }
    await confirm(`Seal ${counted(before.records, "record")} of ${label} again?`, flags, signal);
    const pace = paceOf(flags.maxRate, signal);
    const report = await rekey(store, {
      signal,
      ...(flags.to === "plaintext" && { to: "plaintext" as const }),
      onProgress: ({ records, changed }) => {
        output.progressAt(
          changed,
          () =>
            `${records.toLocaleString("en")} of ${before.records.toLocaleString("en")} read, ${changed.toLocaleString("en")} sealed`,
        );
        return pace(changed);
      },
    });
    output.end();
    if (flags.json) await output.json(report);
    else {
      await output.data(`${counted(report.changed, "record")} sealed again; ${usage(report.inUse)}.`);
      for (const { id, message } of report.unreadable)
        await output.data(`not opened: ${escaped(id)}: ${escaped(message)}`);
      if (report.isComplete) await output.data("Complete: no record needs another key any more.");
    }
    if (!report.isComplete)
      throw new CommandError("Not complete. Look at the records above, and run rekey again.");
  });
}

function usage({
  keys,
  plaintext,
  damaged,
}: {
  keys: Readonly<Record<string, number>>;
  plaintext: number;
  damaged: number;
}): string {
  const parts = Object.entries(keys).map(
    ([id, count]) => `${count.toLocaleString("en")} with the key ${escaped(id)}`,
  );
  if (plaintext > 0) parts.push(`${plaintext.toLocaleString("en")} in plaintext`);
  if (damaged > 0) parts.push(`${damaged.toLocaleString("en")} damaged`);
  return parts.length === 0 ? "no secrets" : parts.join(", ");
}
