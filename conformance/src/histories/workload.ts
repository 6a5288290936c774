// What a process of a history does: several callers make random calls that concern a few records, while the module
// disturbs the process's connections.
import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import type { DisruptionMeans } from "../case.js";
import { modelToken } from "../model.js";
import { Log, now } from "./log.js";
import type { Outcome, RecordAction, Value } from "./operation.js";
import { Random } from "./random.js";

/** What a process gets to do. */
export interface Workload {
  /** The file to log to. */
  readonly path: string;
  readonly process: number;
  readonly seed: number;
  /** The groups of records, each a user with a record for each of two clients. */
  readonly groups: readonly string[];
  readonly callers: number;
  readonly locks: boolean;
  /** Whether to use `ifRevision`. */
  readonly revisions: boolean;
}

const CLIENTS = ["A", "B"] as const;

/** How many tokens a process remembers for each group: the last is likely to be current, the others are stale. */
const REMEMBERED = 6;
/** The longest pause of a caller between two calls. */
const PAUSE_MS = 8;
/** The longest time for which a holder of a lock works, as a rule. */
const HOLD_MS = 20;

/** Makes calls until `stop` aborts. */
export async function work(
  store: TokenStore,
  workload: Workload,
  disruptions: DisruptionMeans | undefined,
  stop: AbortSignal,
): Promise<void> {
  const log = new Log(workload.path);
  const random = new Random(workload.seed);
  const caller = new Caller(store, workload, log, random);
  const callers = Array.from({ length: workload.callers }, async () => {
    while (!stop.aborted) {
      await caller.call();
      await sleep(random.below(PAUSE_MS));
    }
  });
  await Promise.all([...callers, disturb(disruptions, log, random, stop)]);
  log.close();
}

/** Reads every record once, when nothing disturbs any more: nothing that was acknowledged may be missing. */
export async function readAll(store: TokenStore, workload: Workload): Promise<void> {
  const log = new Log(workload.path);
  const caller = new Caller(store, workload, log, new Random(workload.seed));
  for (const group of workload.groups) await caller.readAll(group);
  log.close();
}

class Caller {
  readonly #store: TokenStore;
  readonly #workload: Workload;
  readonly #log: Log;
  readonly #random: Random;
  readonly #seen = new Map<string, OAuthToken[]>();
  #values = 0;

  constructor(store: TokenStore, workload: Workload, log: Log, random: Random) {
    this.#store = store;
    this.#workload = workload;
    this.#log = log;
    this.#random = random;
  }

  async call(): Promise<void> {
    const random = this.#random;
    const { groups } = this.#workload;
    // Some are more wanted than others, so that calls often meet.
    const group = groups[random.below(random.below(groups.length) + 1)] ?? "";
    const seen = this.#seen.get(group) ?? [];
    const token = random.isOneIn(2) ? seen[0] : random.of(seen);
    const kind = random.below(100);
    if (kind < 8 && this.#workload.locks) return this.#lock(group);
    if (kind === 99 && random.isOneIn(4)) return this.#do({ method: "deleteTokens" });
    if (kind < 45) return this.#do(this.#find(group, token), group);
    if (kind < 65 || token === undefined) return this.#do(this.#save(group), group);
    if (kind < 90) return this.#saveCopy(group, token);
    if (kind < 93) return this.#do(this.#steal(group, token), group);
    return this.#do({ method: "deleteToken", id: token.id ?? "", ...this.#condition(token) }, group);
  }

  async readAll(group: string): Promise<void> {
    for (const clientId of CLIENTS) {
      await this.#do({ method: "findToken", query: { userSignature: { name: group }, clientId } }, group);
    }
    for (const token of this.#seen.get(group) ?? []) {
      for (const query of lookupsOf(token)) await this.#do({ method: "findToken", query }, group);
      await this.#do({ method: "findTokenById", id: token.id ?? "" }, group);
    }
  }

  #find(group: string, token: OAuthToken | undefined): RecordAction {
    const random = this.#random;
    const userSignature = { name: group };
    if (random.isOneIn(8)) return { method: "findToken", query: { userSignature } };
    const user = { userSignature, clientId: random.of(CLIENTS) };
    if (token === undefined || random.isOneIn(3)) return { method: "findToken", query: user };
    if (random.isOneIn(4)) return { method: "findTokenById", id: token.id ?? "" };
    return { method: "findToken", query: random.of(lookupsOf(token)) ?? user };
  }

  /** Plain properties, which update the record of a user and client, or insert it. */
  #save(group: string): RecordAction {
    const random = this.#random;
    const id = this.#value(group, "id");
    const token = {
      id,
      userSignature: { name: group },
      clientId: random.of(CLIENTS),
      ...this.#change(group),
    };
    const isInsert = this.#workload.revisions && random.isOneIn(6);
    return { method: "saveToken", token, ...(isInsert && { ifRevision: 0 }) };
  }

  async #saveCopy(group: string, token: OAuthToken): Promise<void> {
    const changes = this.#change(group);
    const action = {
      method: "saveToken",
      token: changes,
      base: recordOf(token)!,
      ...this.#condition(token),
    } as const;
    await this.#record(action, group, () => this.#store.saveToken(token.with(changes), optionsOf(action)));
  }

  /** Gives one client's record a token of the other's. */
  #steal(group: string, { clientId, accessToken }: OAuthToken): RecordAction {
    const other = clientId === "A" ? "B" : "A";
    const token = {
      id: this.#value(group, "id"),
      userSignature: { name: group },
      clientId: other,
      accessToken,
    };
    return { method: "saveToken", token };
  }

  #change(group: string): TokenInput {
    const kind = this.#random.below(10);
    if (kind === 0) return { apiDomain: this.#value(group, "domain") };
    if (kind === 1) return { grantToken: this.#value(group, "grant") };
    const accessToken = this.#value(group, "access");
    const expiresAt = 4_000_000_000_000 + this.#values;
    if (kind < 5) return { accessToken, expiresAt, refreshToken: this.#value(group, "refresh") };
    return kind === 5 ? { accessToken } : { accessToken, expiresAt };
  }

  #condition({ revision }: OAuthToken): { ifRevision?: number } {
    if (!this.#workload.revisions || !this.#random.isOneIn(4)) return {};
    return { ifRevision: revision ?? 0 };
  }

  /** A value that no other call has. */
  #value(group: string, kind: string): string {
    return `${group}-${kind}-${this.#workload.process}-${++this.#values}`;
  }

  async #lock(key: string): Promise<void> {
    const call = this.#log.begin({ method: "withLock", key });
    const hold = async (): Promise<null> => {
      await this.#store.withLock(key, async ({ fence }) => {
        this.#log.add(call, { fence, workFrom: now() });
        await sleep(this.#random.below(HOLD_MS));
        this.#log.add(call, { workTo: now() });
      });
      return null;
    };
    const outcome = await outcomeOf(hold());
    this.#log.add(call, { outcome, to: now() });
  }

  #do(action: RecordAction, group?: string): Promise<void> {
    const store = this.#store;
    return this.#record(action, group, async () => {
      switch (action.method) {
        case "findToken":
          return store.findToken(action.query);
        case "findTokenById":
          return store.findTokenById(action.id);
        case "saveToken":
          return store.saveToken(action.token, optionsOf(action));
        case "deleteToken":
          await store.deleteToken(action.id, optionsOf(action));
          return null;
        case "deleteTokens":
          await store.deleteTokens();
          return null;
      }
    });
  }

  async #record(
    action: RecordAction,
    group: string | undefined,
    run: () => Promise<OAuthToken | null>,
  ): Promise<void> {
    const call = this.#log.begin(action, group);
    const outcome = await outcomeOf(
      run().then((token) => {
        if (token !== null && group !== undefined) this.#remember(group, token);
        return recordOf(token);
      }),
    );
    this.#log.add(call, { outcome, to: now() });
  }

  #remember(group: string, token: OAuthToken): void {
    const seen = this.#seen.get(group) ?? [];
    this.#seen.set(group, [token, ...seen].slice(0, REMEMBERED));
  }
}

function optionsOf({ ifRevision }: { readonly ifRevision?: number }): { ifRevision?: number } {
  return ifRevision === undefined ? {} : { ifRevision };
}

function lookupsOf({ grantToken, refreshToken, accessToken, id }: OAuthToken): TokenInput[] {
  const lookups = [{ id }, { grantToken }, { refreshToken }, { accessToken }];
  return lookups.filter((lookup) => Object.values(lookup)[0] !== null);
}

function recordOf(token: OAuthToken | null): Value {
  if (token === null) return null;
  const { id, revision } = token;
  return { ...modelToken(token), id: String(id), revision: Number(revision), savedBy: 0 };
}

async function outcomeOf(call: Promise<Value>): Promise<Outcome> {
  try {
    return { value: await call };
  } catch (error) {
    const { code, uncertain, message } = error as { code?: unknown; uncertain?: unknown; message?: unknown };
    return { code: String(code ?? error), uncertain: uncertain === true, message: String(message) };
  }
}

const MEANS = ["cut", "loseReply", "stop", "freeze", "mute"] as const;
/** The longest times between two disruptions, and of most of them. */
const BETWEEN_MS = 3000;
const DISTURBED_MS = 700;
/** Of a few: longer than the time limit of the calls. */
const LONG_MS = 2500;

/** Disturbs the connections of this process's store at random moments, as long as there is something to do so. */
async function disturb(
  disruptions: DisruptionMeans | undefined,
  log: Log,
  random: Random,
  stop: AbortSignal,
): Promise<void> {
  const means = MEANS.filter((name) => disruptions?.[name] !== undefined);
  const wait = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stop }).catch(() => {});
  while (means.length > 0 && !stop.aborted) {
    await wait(random.below(BETWEEN_MS));
    const name = random.of(means);
    if (name === undefined || stop.aborted) return;
    log.disrupted(name);
    if (name === "loseReply") await disruptions?.loseReply?.(random.below(4));
    else await disruptions?.[name]?.();
    await wait(random.isOneIn(6) ? LONG_MS : random.below(DISTURBED_MS));
    await disruptions?.restore?.();
    log.disrupted(undefined);
  }
}
