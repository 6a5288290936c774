import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Capabilities, TokenStore } from "@tokenkeep/core";
import type { Case, Kit, OpenOptions, Space, StoreModule } from "./case.js";
import { quote } from "./contract.js";
import { Finding } from "./expect.js";
import { inTime } from "./in-time.js";
import { show } from "./show.js";
import { Trace, traced } from "./trace.js";

/** A store as the kit knows it: its module, and what it declares. */
export interface Subject {
  readonly module: StoreModule;
  readonly moduleUrl: string;
  readonly capabilities: Capabilities;
  readonly seed: number;
  readonly rounds: number;
}

const CASE_TIMEOUT_MS = 60_000;

/**
 * Imports a store's module and asks the store what it declares.
 * @throws Error where the module is not of the shape that the kit needs
 */
export async function loadSubject(
  moduleUrl: string | URL,
  options: { seed?: number | undefined; rounds?: number | undefined } = {},
): Promise<Subject> {
  const url = String(moduleUrl);
  const imported = (await import(url)) as { default?: Partial<StoreModule> };
  const module = imported.default;
  if (typeof module?.name !== "string" || typeof module.open !== "function") {
    throw new Error(`${url} must have a default export { name, open(space, options) }.`);
  }
  const subject = {
    module: module as StoreModule,
    moduleUrl: url,
    seed: options.seed ?? Number.parseInt(randomBytes(4).toString("hex"), 16) >>> 1,
    rounds: options.rounds ?? 3,
  };
  return { ...subject, capabilities: await capabilitiesOf(subject.module) };
}

async function capabilitiesOf(module: StoreModule): Promise<Capabilities> {
  const space = await newSpace();
  try {
    const store = await module.open(space);
    const declared: Partial<Capabilities> = store.capabilities ?? {};
    await store.close();
    // what is not declared is absent; that each is declared at all is a case of section 8
    return {
      durable: declared.durable === true,
      shared: declared.shared === true,
      revisions: declared.revisions === true,
      locks: declared.locks === true,
      namespaces: declared.namespaces === true,
      iteration: declared.iteration === true,
    };
  } finally {
    await removeSpace(module, space);
  }
}

/** Why a case does not apply, by what the store declares and the module can do; undefined where it does. */
export function reasonNotToRun(test: Case, { capabilities, module }: Subject): string | undefined {
  const missing = (test.needs ?? []).filter((capability) => !capabilities[capability]);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  const present = (test.lacks ?? []).filter((capability) => capabilities[capability]);
  if (present.length > 0) return `the store declares ${present.join(", ")}`;
  const without = (test.faults ?? []).filter((means) => module.faults?.[means] === undefined);
  if (test.needsClient && module.client === undefined) return "the module has no client";
  return without.length > 0 ? `the module has no faults.${without.join(", faults.")}` : undefined;
}

/** Runs a case on a fresh space, and leaves nothing behind. Rejects with what the case found. */
export async function runCase(test: Case, subject: Subject): Promise<void> {
  const space = await newSpace();
  const trace = new Trace();
  const stores: TokenStore[] = [];
  const endings: (() => void | Promise<void>)[] = [];
  const add = (store: TokenStore, how?: string): TokenStore => {
    stores.push(store);
    const name = stores.length === 1 ? "store" : `store${stores.length}`;
    if (how !== undefined) trace.add(`${name} = ${how}`)("");
    return traced(store, name, trace);
  };
  const { module } = subject;
  const open = async (options?: OpenOptions): Promise<TokenStore> =>
    add(await module.open(space, options), options && `open(space, ${show(options)})`);
  const openOn = async (client: unknown): Promise<TokenStore> => {
    if (module.client === undefined) throw new Error("The module has no client.");
    return add(await module.client.store(client, space), "client.store(client, space)");
  };
  try {
    const kit: Kit = {
      ...subject,
      space,
      store: await open(),
      open,
      openOn,
      note: (what) => trace.add(what),
      startOver: () => trace.clear(),
      onEnd: (work) => void endings.push(work),
    };
    await inTime(test.run(kit), test.timeoutMs ?? CASE_TIMEOUT_MS, "the case");
  } catch (error) {
    throw tell(test, trace, error);
  } finally {
    for (const end of endings.reverse()) await end();
    // a store that can't close is told by the cases of 5.4, not by every case
    await Promise.allSettled(stores.map((store) => inTime(store.close(), CASE_TIMEOUT_MS)));
    await removeSpace(subject.module, space);
  }
}

async function newSpace(): Promise<Space> {
  return {
    id: `tk_${randomBytes(8).toString("hex")}`,
    directory: await mkdtemp(join(tmpdir(), "tokenkeep-kit-")),
  };
}

async function removeSpace(module: StoreModule, space: Space): Promise<void> {
  await module.destroy?.(space);
  await rm(space.directory, { recursive: true, force: true });
}

/** The whole story of a failure, in terms of the contract and of calls to the store. */
function tell(test: Case, trace: Trace, error: unknown): Error {
  const isFinding = error instanceof Finding;
  const message = [
    `contract: ${quote(test.checks).join("\n          ")}`,
    "done:",
    ...trace.lines.map((line) => `    ${line}`),
    isFinding ? error.message : `expected: no error\ncame:     ${show(error)}`,
  ].join("\n");
  // where the store's own error came, it tells the place; the kit's own lines are of no use to who wrote the store
  const told = new Error(message, isFinding ? undefined : { cause: error });
  told.name = "ConformanceFailure";
  told.stack = `${told.name}: ${message}`;
  return told;
}
