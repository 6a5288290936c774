import { closeSync, openSync, rmSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type Lease, type OAuthToken, rekey, type TokenInput, type TokenStore } from "@tokenkeep/core";
import type { DisruptionMeans } from "../case.js";
import { readAll, work } from "../histories/workload.js";
import type { HoldOutcome, JobName, Jobs, LockLoopOutcome, SaveOutcome } from "./protocol.js";

/** What a job works with. */
export interface Tools {
  readonly store: TokenStore;
  /** What the module can do to the connections of this process. */
  readonly disruptions?: DisruptionMeans | undefined;
  /** Aborts when the parent tells the job to stop. */
  readonly stop: AbortSignal;
  /** Resolves once the report has left this process, so that it survives a kill. */
  readonly report: (event: unknown) => Promise<void>;
}

type Job<Name extends JobName> = (args: Jobs[Name]["args"], tools: Tools) => Promise<Jobs[Name]["result"]>;

const JOBS: { readonly [Name in JobName]: Job<Name> } = {
  async save({ tokens, atOnce = false }, { store }) {
    if (atOnce) return Promise.all(tokens.map((token) => saveOutcome(store, token)));
    const outcomes: SaveOutcome[] = [];
    for (const token of tokens) outcomes.push(await saveOutcome(store, token));
    return outcomes;
  },

  async saveUntilKilled({ user, round }, { store, report }) {
    for (let serial = 1; ; serial++) {
      const saved = await store.saveToken(killToken(user, round, serial));
      await report({ revision: saved.revision, serial });
    }
  },

  async alternate({ versions }, { store, stop }) {
    let saves = 0;
    while (!stop.aborted) {
      await store.saveToken(versions[saves % versions.length]!);
      saves++;
      await nextTurn(); // lets the message to stop in
    }
    return { saves };
  },

  async findToken({ query }, { store }) {
    return (await store.findToken(query))?.toPlain() ?? null;
  },

  async getTokens(_args, { store }) {
    return (await store.getTokens()).map((token: OAuthToken) => token.toPlain());
  },

  async deleteToken({ id }, { store }) {
    await store.deleteToken(id);
    return null;
  },

  async deleteTokens(_args, { store }) {
    await store.deleteTokens();
    return null;
  },

  lockLoop: lockLoop,
  hog: hog,
  hold: hold,

  async refresh({ ids }, { store, stop, report }) {
    const last: Record<string, string> = {};
    for (let saves = 0; !stop.aborted; saves++) {
      const id = ids[saves % ids.length]!;
      const refreshToken = `${id}-${Math.floor(saves / ids.length)}`;
      await store.saveToken({ id, refreshToken });
      last[id] = refreshToken;
      if (saves === 0) await report({ saves: 1 });
      await sleep(2); // as fast as real programs refresh, and it lets the message to stop in
    }
    return last;
  },

  async rekey({ to, pauseMs = 0 }, { store, report }) {
    return rekey(store, {
      to,
      onProgress: async (progress) => {
        await report(progress);
        await sleep(pauseMs);
      },
    });
  },

  async history(workload, { store, disruptions, stop }) {
    await work(store, workload, disruptions, stop);
    return null;
  },

  async readAll(workload, { store }) {
    await readAll(store, workload);
    return null;
  },

  async close(_args, { store }) {
    await store.close();
    return null;
  },

  async closeAndLeave(_args, { store }) {
    await store.close();
    return null;
  },
};

/** Runs the job with this name. */
export function runJob(name: JobName, args: unknown, tools: Tools): Promise<unknown> {
  return (JOBS[name] as (args: unknown, tools: Tools) => Promise<unknown>)(args, tools);
}

/**
 * The token of one save of the kill test. Every part of it follows from round and serial, so that a record made of
 * two saves is recognised.
 */
export function killToken(user: string, round: number, serial: number): TokenInput {
  const version = `${round}-${serial}`;
  return {
    userSignature: { name: user },
    clientId: "kill-client",
    refreshToken: `${user}-refresh-${version}`,
    accessToken: `${user}-access-${version}`,
    expiresAt: 1_700_000_000_000 + round * 1_000_000 + serial,
    apiDomain: `https://${version}.example`,
  };
}

async function saveOutcome(store: TokenStore, token: TokenInput): Promise<SaveOutcome> {
  try {
    const { id, revision } = await store.saveToken(token);
    return { id, revision, code: null };
  } catch (error) {
    return { id: null, revision: null, code: codeOf(error) };
  }
}

async function lockLoop(args: Jobs["lockLoop"]["args"], { store }: Tools): Promise<LockLoopOutcome> {
  const fences: number[] = [];
  let overlaps = 0;
  for (let time = 0; time < args.times; time++) {
    await store.withLock(
      args.key,
      async (lease) => {
        fences.push(lease.fence);
        if (!enter(args.mark)) overlaps++;
        await sleep(args.insideMs);
        rmSync(args.mark, { force: true });
      },
      { timeoutMs: 60_000 },
    );
  }
  return { fences, overlaps };
}

/** Creates the file that means "a holder is inside". @returns false if it exists already */
function enter(mark: string): boolean {
  try {
    closeSync(openSync(mark, "wx"));
    return true;
  } catch {
    return false;
  }
}

async function hog(args: Jobs["hog"]["args"], { store, stop, report }: Tools): Promise<{ times: number }> {
  let times = 0;
  while (!stop.aborted) {
    await store.withLock(
      args.key,
      async ({ fence }) => {
        if (times === 0) await report({ fence });
        times++;
        await sleep(args.insideMs);
      },
      { timeoutMs: 60_000 },
    );
  }
  return { times };
}

async function hold(args: Jobs["hold"]["args"], { store, stop, report }: Tools): Promise<HoldOutcome> {
  let lease: Lease | undefined;
  let aborted = false;
  let code: string | null = null;
  try {
    await store.withLock(
      args.key,
      async (granted) => {
        lease = granted;
        await report({ fence: granted.fence });
        await untilAborted(stop);
        aborted = granted.signal.aborted;
      },
      args.timeoutMs === undefined ? {} : { timeoutMs: args.timeoutMs },
    );
  } catch (error) {
    if (lease === undefined) throw error;
    code = codeOf(error);
  }
  const reasonCode = lease?.signal.aborted ? codeOf(lease.signal.reason) : null;
  return { fence: lease?.fence ?? 0, aborted, reasonCode, code };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : String(error);
}
