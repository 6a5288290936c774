// The program of the kit's child processes: opens the module's store, and runs jobs.
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { DisruptionMeans } from "../case.js";
import { runJob } from "./jobs.js";
import type { ChildMessage, ParentMessage, RunMessage, StartMessage, WireError } from "./protocol.js";

interface StoreModule {
  readonly default: {
    readonly disruptions?: DisruptionMeans;
    open(space: StartMessage["space"], options: StartMessage["options"]): TokenStore | Promise<TokenStore>;
  };
}

let store: TokenStore | undefined;
let disruptions: DisruptionMeans | undefined;
let isLeaving = false;
const running = new Map<number, AbortController>();

process.on("message", (message: ParentMessage) => {
  if (message.kind === "start") void start(message);
  else if (message.kind === "run") void run(message);
  else running.get(message.call)?.abort();
});

// A terminal sends it to all processes. What becomes of this one, its parent decides.
process.on("SIGINT", () => {});

// A child never outlives its parent, however that ends.
process.on("disconnect", () => {
  if (!isLeaving) process.exit(1);
});

async function start({ moduleUrl, space, options }: StartMessage): Promise<void> {
  try {
    const imported = (await import(moduleUrl)) as StoreModule;
    disruptions = imported.default.disruptions;
    store = await imported.default.open(space, options);
    await send({ kind: "ready" });
  } catch (error) {
    await send({ kind: "broken", error: wireError(error) });
  }
}

async function run({ call, job, args, startAt }: RunMessage): Promise<void> {
  const stop = new AbortController();
  running.set(call, stop);
  try {
    if (store === undefined) throw new Error("The store is not open yet.");
    await sleep(Math.max(0, startAt - Date.now()));
    const report = (event: unknown): Promise<void> => send({ kind: "event", call, event });
    const result = await runJob(job, args, { store, disruptions, stop: stop.signal, report });
    await send({ kind: "result", call, result });
    if (job === "closeAndLeave") leave();
  } catch (error) {
    await send({ kind: "error", call, error: wireError(error) });
  } finally {
    running.delete(call);
  }
}

function leave(): void {
  isLeaving = true;
  process.disconnect();
}

/** Resolves once the message is written, or can't be written any more. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

function wireError(error: unknown): WireError {
  const { name, message, code, retryable } = error as Partial<WireError>;
  return {
    name: String(name ?? typeof error),
    message: String(message ?? error),
    code: typeof code === "string" ? code : null,
    retryable: typeof retryable === "boolean" ? retryable : null,
  };
}
