import type { TokenStore } from "@tokenkeep/core";
import type { Candidate } from "./candidate.js";
import type { Case, Kit, OpenOptions } from "./case.js";
import { quote } from "./contract.js";
import { Finding } from "./expect.js";
import { inTime } from "./in-time.js";
import { show } from "./show.js";
import { newSpace, removeSpace } from "./space.js";
import { Trace, traced } from "./trace.js";

const CASE_TIMEOUT_MS = 60_000;

/** How long a case may take, in milliseconds. */
export function limitOf({ timeoutMs = CASE_TIMEOUT_MS, roundMs = 0 }: Case, { rounds }: Candidate): number {
  return timeoutMs + roundMs * rounds;
}

/** Runs a case on a fresh space and cleans up. Rejects with what the case found wrong. */
export async function runCase(test: Case, candidate: Candidate): Promise<void> {
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
  const { module } = candidate;
  const open = async (options?: OpenOptions): Promise<TokenStore> =>
    add(
      await inTime(Promise.resolve(module.open(space, options)), CASE_TIMEOUT_MS, "open()"),
      options && `open(space, ${show(options)})`,
    );
  const openOn = async (client: unknown, options?: OpenOptions): Promise<TokenStore> => {
    if (module.client === undefined) throw new Error("The module has no client.");
    const call = options === undefined ? "" : `, ${show(options)}`;
    return add(await module.client.store(client, space, options), `client.store(client, space${call})`);
  };
  let failure: Error | undefined;
  try {
    const kit: Kit = {
      ...candidate,
      space,
      store: await open(),
      open,
      openOn,
      note: (what) => trace.add(what),
      startOver: () => trace.clear(),
      onEnd: (work) => void endings.push(work),
    };
    await inTime(test.run(kit), limitOf(test, candidate), "the case");
  } catch (error) {
    failure = failureOf(test, trace, error);
  }
  for (const end of endings.reverse()) {
    try {
      await inTime(Promise.resolve(end()), CASE_TIMEOUT_MS, "what the case started");
    } catch (error) {
      failure ??= failureOf(test, trace, error);
    }
  }
  // If a store can't close, the cases of 5.4 report that, not every case.
  await Promise.allSettled(stores.map(async (store) => inTime(store.close(), CASE_TIMEOUT_MS)));
  await removeSpace(candidate.module, space);
  if (failure !== undefined) throw failure;
}

/** The whole failure: what the contract says, the calls to the store, what was expected and what happened. */
function failureOf(test: Case, trace: Trace, error: unknown): Error {
  const isFinding = error instanceof Finding;
  const message = [
    `contract: ${quote(test.checks).join("\n          ")}`,
    "done:",
    ...trace.lines.map((line) => `    ${line}`),
    isFinding ? error.message : `expected: no error\ncame:     ${show(error)}`,
  ].join("\n");
  // The stack of the store's own error is useful to its author; the kit's own stack is not.
  const failure = new Error(message, isFinding ? undefined : { cause: error });
  failure.name = "ConformanceFailure";
  failure.stack = `${failure.name}: ${message}`;
  return failure;
}
