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

/** Runs a case on a fresh space, and leaves nothing behind. Rejects with what the case found. */
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
  const openOn = async (client: unknown): Promise<TokenStore> => {
    if (module.client === undefined) throw new Error("The module has no client.");
    return add(await module.client.store(client, space), "client.store(client, space)");
  };
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
    throw tell(test, trace, error);
  } finally {
    for (const end of endings.reverse()) await end();
    // a store that can't close is told by the cases of 5.4, not by every case
    await Promise.allSettled(stores.map((store) => inTime(store.close(), CASE_TIMEOUT_MS)));
    await removeSpace(candidate.module, space);
  }
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
