import type { OAuthToken } from "@tokenkeep/core";
import { type KeepAliveResult, refreshStateOf, TokenManager } from "@tokenkeep/oauth2";
import { confirm } from "../confirm.js";
import { type ChangeFlags, type Context, withStore } from "../context.js";
import { CommandError, UsageError } from "../errors.js";
import { paceOf } from "../pace.js";
import { mayBelong, type ProviderFlags, providerFrom } from "../provider.js";
import { counted, parseDuration } from "../text.js";
import { isMemo } from "../tokens.js";
import { targetQuestion } from "./move.js";

/** The options of `refresh`. */
export interface RefreshFlags extends ChangeFlags, ProviderFlags {
  readonly idle?: string | undefined;
  readonly maxRate?: number | undefined;
}

/** Refreshes grants that were idle for long, so that they don't lapse. */
export async function refresh(flags: RefreshFlags, { output, signal }: Context): Promise<void> {
  if (flags.idle === undefined) throw new UsageError("Give --idle, such as --idle 30d.");
  const idleMs = parseDuration("--idle", flags.idle);
  const provider = providerFrom(flags);
  await withStore(flags, "existing", async (opened) => {
    const { store } = opened;
    const filter = (token: OAuthToken) => mayBelong(token, flags);
    let unclaimed = 0;
    let due = 0;
    for await (const token of store.tokens()) {
      signal.throwIfAborted();
      const state = refreshStateOf(token);
      const usedAt = state?.refreshedAt ?? token.savedAt!;
      const isIdle = token.accessToken === null || Date.now() - usedAt >= idleMs;
      if (isMemo(token.id!) || token.refreshToken === null || !isIdle || state?.status === "login-required")
        continue;
      if (token.issuer === null ? filter(token) : token.issuer === provider.issuer) due++;
      else if (token.issuer === null) unclaimed++;
    }
    if (unclaimed > 0) {
      output.say(
        `${counted(unclaimed, "grant")} left out: nothing says of which provider. Name the client with --client-id.`,
      );
    }
    if (flags.dryRun) {
      if (flags.json) return output.json({ due, dryRun: true });
      return output.data(`${counted(due, "grant")} would be refreshed.`);
    }
    if (due > 0)
      await confirm(await targetQuestion(`Refresh ${counted(due, "grant")} in`, opened), flags, signal);
    const tokens = new TokenManager(store, provider);
    const pace = paceOf(flags.maxRate, signal);
    const onProgress = (done: KeepAliveResult) => {
      const count = done.refreshed + done.failed;
      output.progress(`${count.toLocaleString("en")} of ${due.toLocaleString("en")}, ${done.failed} failed`);
      return pace(count);
    };
    try {
      const { refreshed, failed } = await tokens.keepAlive({ idleMs, filter, signal, onProgress });
      output.end();
      if (flags.json) await output.json({ refreshed, failed });
      else await output.data(`${counted(refreshed, "grant")} refreshed, ${failed} failed.`);
      if (failed > 0)
        throw new CommandError("Some grants could not be refreshed. tokenkeep list shows their state.");
    } finally {
      await tokens.close();
    }
  });
}

/** Creates what is missing and migrates an older schema. */
export async function migrate(flags: ChangeFlags, { output, signal }: Context): Promise<void> {
  const open = flags.dryRun ? "existing" : "create";
  await withStore(flags, open, async ({ store, label }) => {
    if (!flags.dryRun) await confirm(`Create what is missing in ${label}, or migrate it?`, flags, signal);
    for await (const _token of store.tokens()) break; // the first call opens the store, and with it the schema
    if (flags.json) await output.json({ store: label, current: true, dryRun: flags.dryRun === true });
    else await output.data(`${label}: the schema is current.`);
  });
}
