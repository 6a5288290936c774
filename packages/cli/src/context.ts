import type { TokenStore } from "@tokenkeep/core";
import { encryptionFrom } from "./keys.js";
import { Output } from "./output.js";
import { type OpenStore, openStore, reach } from "./store-url.js";

/** The options of every command that has a store. */
export interface StoreFlags {
  readonly store?: string | undefined;
  readonly namespace?: string | undefined;
  readonly keysFile?: string | undefined;
  readonly json?: boolean | undefined;
}

/** The options of every command that changes something. */
export interface ChangeFlags extends StoreFlags {
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly input?: boolean | undefined;
}

/** What a command works with. */
export interface Context {
  readonly output: Output;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Makes the context of this process: Ctrl-C stops a command between two records, and a second one at once. */
export function processContext(): Context {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error("Stopped. Run the command again to continue."));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { output: new Output(), signal: controller.signal };
}

/**
 * Runs work on the store that the flags name, and closes it.
 * @param flags which store
 * @param open `existing` for what only looks
 * @param work what to do
 * @returns what `work` returned
 */
export async function withStore<T>(
  flags: StoreFlags,
  open: "create" | "existing",
  work: (opened: OpenStore) => Promise<T>,
): Promise<T> {
  const encryption = encryptionFrom(flags.keysFile, "TOKENKEEP_KEYS");
  const opened = await openStore({ url: flags.store, namespace: flags.namespace, encryption, open });
  return closing(opened.store, async () => {
    if (open === "existing") await reach(opened);
    return work(opened);
  });
}

/** Runs work, and closes the store however it ends. */
export async function closing<T>(store: TokenStore, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await store.close().catch(() => {}); // what the work threw says more
  }
}
