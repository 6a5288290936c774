import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { show } from "../show.js";
import { describeJob } from "./describe.js";
import type {
  ChildMessage,
  JobName,
  Jobs,
  OpenOptions,
  ParentMessage,
  StartMessage,
  WireError,
} from "./protocol.js";

/** What a child needs: the store's module, and the space to open. */
export interface ChildSource {
  readonly moduleUrl: string | URL;
  readonly space: StartMessage["space"];
  /** Records what the child does, for the message of a failure. */
  note?(what: string): (result: string) => void;
  /** Has something done at the end, however that comes: a child must not outlive what it was started for. */
  onEnd?(work: () => Promise<void>): void;
}

/** An error from a child. It has the code of the TokenStoreError, if it was one. */
export class ChildError extends Error {
  override readonly name: string;
  readonly code: string | null;
  readonly retryable: boolean | null;
  constructor(error: WireError) {
    super(error.message);
    this.name = error.name;
    this.code = error.code;
    this.retryable = error.retryable;
  }
}

/** A running job of a child. */
export interface Running<Name extends JobName> {
  readonly result: Promise<Jobs[Name]["result"]>;
  /** All reports so far. */
  readonly events: Jobs[Name]["event"][];
  /** Resolves with the first report. Rejects if the job ends without one. */
  first(): Promise<Jobs[Name]["event"]>;
  /** Tells the job to stop. Resolves with its result. */
  stop(): Promise<Jobs[Name]["result"]>;
}

interface Pending {
  readonly events: unknown[];
  settle(message: ChildMessage): void;
  fail(error: Error): void;
}

/** How many processes were started for each source: they are numbered. */
const started = new WeakMap<ChildSource, number>();

/** How long after its exit Deno may still pass on messages of a child, in milliseconds. */
const DENO_EXIT_MS = 2000;

const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

/** A child process that has the module's store open on the space. */
export class Child {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  readonly #ready: Promise<void>;
  #calls = 0;
  #isDropped = false;
  #stderr = "";

  readonly #note: (what: string) => (result: string) => void;

  private constructor(source: ChildSource, options: OpenOptions) {
    // Without the parent's debugger and loaders: a child is plain Node on plain JavaScript.
    this.#process = fork(WORKER, [], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    const number = (started.get(source) ?? 0) + 1;
    started.set(source, number);
    source.onEnd?.(() => this.#drop());
    this.#note = (what) => source.note?.(`process ${number}: ${what}`) ?? (() => {});
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    this.#ended = endOf(this.#process);
    let isReady!: () => void;
    let isBroken!: (error: Error) => void;
    this.#ready = new Promise((resolve, reject) => {
      isReady = resolve;
      isBroken = reject;
    });
    this.#ready.catch(() => {}); // start() reports it
    this.#process.on("message", (message: ChildMessage) => {
      if (message.kind === "ready") isReady();
      else if (message.kind === "broken") isBroken(new ChildError(message.error));
      else this.#pending.get(message.call)?.settle(message);
    });
    void this.#ended.then(() => {
      if (this.#isDropped) return;
      const error = new Error(`The child process ended while it was working.${this.#stderrTail()}`);
      isBroken(error);
      for (const pending of this.#pending.values()) pending.fail(error);
    });
    this.#send({
      kind: "start",
      moduleUrl: String(source.moduleUrl),
      space: { id: source.space.id, directory: source.space.directory },
      options,
    });
  }

  /** Starts a process. Resolves once it has made its store. */
  static async start(source: ChildSource, options: OpenOptions = {}): Promise<Child> {
    const child = new Child(source, options);
    try {
      await child.#ready;
    } catch (error) {
      await child.end();
      throw error;
    }
    return child;
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Resolves when the process is gone and all its messages have arrived. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Starts a job.
   * @param startAt when to begin, in Unix milliseconds, so that several children begin together; by default now
   */
  begin<Name extends JobName>(job: Name, args: Jobs[Name]["args"], startAt: number = 0): Running<Name> {
    const call = ++this.#calls;
    const events: Jobs[Name]["event"][] = [];
    let reported: (() => void) | undefined;
    const hasReported = new Promise<void>((resolve) => {
      reported = resolve;
    });
    const result = new Promise<Jobs[Name]["result"]>((resolve, reject) => {
      this.#pending.set(call, {
        events,
        settle: (message) => {
          if (message.kind === "event") {
            events.push(message.event as Jobs[Name]["event"]);
            reported?.();
            return;
          }
          this.#pending.delete(call);
          if (message.kind === "result") resolve(message.result as Jobs[Name]["result"]);
          else if (message.kind === "error") reject(new ChildError(message.error));
        },
        fail: reject,
      });
    });
    const record = this.#note(`store.${describeJob(job, args)}`);
    result.then(
      (value) => record(value === null && job !== "findToken" ? "done" : show(value)),
      (error) => record(show(error)), // nobody else waits for the job of a killed child
    );
    this.#send({ kind: "run", call, job, args, startAt });
    return {
      result,
      events,
      first: async () => {
        await Promise.race([hasReported, result]);
        const [event] = events;
        if (event === undefined) throw new Error(`The job ${job} ended without a report.`);
        return event;
      },
      stop: () => {
        this.#send({ kind: "stop", call });
        return result;
      },
    };
  }

  /** Runs a job. */
  run<Name extends JobName>(
    job: Name,
    args: Jobs[Name]["args"],
    startAt: number = 0,
  ): Promise<Jobs[Name]["result"]> {
    return this.begin(job, args, startAt).result;
  }

  /** Sends a signal. After `SIGKILL`, waits until the process is gone. */
  async kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#note(signal)("");
    this.#signal(signal);
    if (signal === "SIGKILL") await this.#ended;
  }

  /** Waits until the process has ended by itself. @returns false if it has not within `ms` */
  async endsWithin(ms: number): Promise<boolean> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), ms);
    try {
      if (!this.hasExited) await once(this.#process, "exit", { signal: over.signal });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills the process, also if it is stopped. */
  async end(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#ended;
  }

  /** Ends it where nobody waits for it any more, and so nobody would handle an error. */
  async #drop(): Promise<void> {
    this.#isDropped = true;
    await this.end();
  }

  /** Not by `ChildProcess.kill`: Deno's sends one signal, and no other after it. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || this.hasExited) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has just exited
    }
  }

  #send(message: ParentMessage): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #stderrTail(): string {
    return this.#stderr === "" ? "" : ` Its stderr: ${this.#stderr}`;
  }
}

/** Resolves when a process is gone and all its messages have arrived. */
async function endOf(child: ChildProcess): Promise<void> {
  // "close" for its output, "disconnect" for its messages: after a kill, some may still be on the way.
  const ways: Promise<unknown>[] = [Promise.all([once(child, "close"), once(child, "disconnect")])];
  const over = new AbortController();
  if ("deno" in process.versions) {
    // Deno emits neither for a child that left a message unread: https://github.com/denoland/deno/pull/35961
    ways.push(once(child, "exit").then(() => sleep(DENO_EXIT_MS, undefined, { signal: over.signal })));
  }
  await Promise.race(ways).catch(() => {}); // it could not be started
  over.abort();
}
