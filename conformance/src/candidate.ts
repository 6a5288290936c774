import { randomBytes } from "node:crypto";
import type { Capabilities, TokenStore } from "@tokenkeep/core";
import type { Case, Space, StoreModule } from "./case.js";
import { inTime } from "./in-time.js";
import { show } from "./show.js";
import { newSpace, removeSpace } from "./space.js";

/** The store under test: its module, and what it declares. */
export interface Candidate {
  readonly module: StoreModule;
  readonly moduleUrl: string;
  readonly capabilities: Capabilities;
  readonly seed: number;
  readonly rounds: number;
}

/** The module can't be used; the message says what to do. */
export class ModuleError extends Error {
  override readonly name = "ModuleError";
}

/** How long a call may take before the cases run. */
const PROBE_MS = 10_000;
/** What a module has to be. */
export const MODULE_SHAPE = "{ name, open(space, options) }, where open returns a store or a promise of one";

/**
 * Imports a store's module and reads what the store declares.
 * @throws ModuleError if that fails
 */
export async function loadCandidate(
  moduleUrl: string | URL,
  options: { seed?: number | undefined; rounds?: number | undefined } = {},
): Promise<Candidate> {
  if (typeof moduleUrl !== "string" && !(moduleUrl instanceof URL)) {
    throw new ModuleError("The URL of the store's module must be text or a URL.");
  }
  const url = String(moduleUrl);
  const module = await importModule(url);
  const capabilities = await capabilitiesOf(module);
  await checkSpaces(module);
  return {
    module,
    moduleUrl: url,
    seed: options.seed ?? Number.parseInt(randomBytes(4).toString("hex"), 16) >>> 1,
    rounds: options.rounds ?? 3,
    capabilities,
  };
}

async function importModule(url: string): Promise<StoreModule> {
  let imported: { default?: Partial<StoreModule> };
  try {
    imported = (await import(url)) as typeof imported;
  } catch (cause) {
    const isTypeScript = (cause as { code?: unknown }).code === "ERR_UNKNOWN_FILE_EXTENSION";
    const advice = isTypeScript ? " It must be plain JavaScript, because child processes import it too." : "";
    throw new ModuleError(`${url} can't be imported.${advice}`, { cause });
  }
  if (!isModule(imported.default)) {
    throw new ModuleError(`The default export of ${url} must be ${MODULE_SHAPE}.`);
  }
  return imported.default;
}

/** Whether it has what every module has. */
export function isModule(module: Partial<StoreModule> | undefined): module is StoreModule {
  return typeof module?.name === "string" && typeof module.open === "function";
}

async function capabilitiesOf(module: StoreModule): Promise<Capabilities> {
  const space = await newSpace();
  try {
    const store = await openFirst(module, space);
    const declared: Partial<Capabilities> = store.capabilities ?? {};
    // If it can't close, the cases of 5.4 report that.
    await inTime(Promise.resolve(store.close()), PROBE_MS).catch(() => {});
    // A missing declaration counts as false here; the cases of 8.1 report it.
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

/** Every case needs an empty space: a module that ignores the space would fail nearly all of them. */
async function checkSpaces(module: StoreModule): Promise<void> {
  const [used, fresh] = [await newSpace(), await newSpace()];
  let found: unknown;
  try {
    await withStore(module, used, (store) => store.saveToken({ refreshToken: "of-another-space" }));
    found = await withStore(module, fresh, (store) => store.findToken({ refreshToken: "of-another-space" }));
  } catch {
    // The cases report what does not work.
  } finally {
    for (const space of [used, fresh]) await removeSpace(module, space);
  }
  if (found === undefined || found === null) return;
  throw new ModuleError(
    `Stores of ${module.name} on different spaces have the same records. Keep the records of each space separate: ` +
      "use space.directory, or space.id in the name of a file, table, key prefix or database.",
  );
}

async function withStore<T>(
  module: StoreModule,
  space: Space,
  work: (store: TokenStore) => Promise<T>,
): Promise<T> {
  const store = await openFirst(module, space);
  try {
    return await inTime(work(store), PROBE_MS);
  } finally {
    await inTime(Promise.resolve(store.close()), PROBE_MS).catch(() => {});
  }
}

async function openFirst(module: StoreModule, space: Space): Promise<TokenStore> {
  let store: Partial<TokenStore> | null | undefined;
  try {
    store = await inTime(Promise.resolve(module.open(space)), PROBE_MS, "open()");
  } catch (cause) {
    throw new ModuleError(`open() of ${module.name} fails, so no case can run: ${show(cause)}`, {
      cause,
    });
  }
  if (typeof store?.findToken === "function" && typeof store.close === "function") return store as TokenStore;
  throw new ModuleError(
    `open() of ${module.name} must return a store with findToken and close, not ${show(store)}.`,
  );
}

/** Why a case does not apply to this store and module; undefined if it applies. */
export function reasonNotToRun(test: Case, { capabilities, module }: Candidate): string | undefined {
  const missing = (test.needs ?? []).filter((capability) => !capabilities[capability]);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  const present = (test.lacks ?? []).filter((capability) => capabilities[capability]);
  if (present.length > 0) return `the store declares ${present.join(", ")}`;
  const without = (test.disruptions ?? []).filter((means) => module.disruptions?.[means] === undefined);
  if (test.needsClient && module.client === undefined) return "the module has no client";
  if (test.needsDump && module.dump === undefined) return "the module has no dump";
  return without.length > 0 ? `the module has no disruptions.${without.join(", disruptions.")}` : undefined;
}
