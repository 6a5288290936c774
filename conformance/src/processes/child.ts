import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
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

/** What a child needs to know: the kit's module, and the space to open. */
export interface ChildSource {
  readonly moduleUrl: string | URL;
  readonly space: StartMessage["space"];
  /** Notes what the child does, for the story of a failure. */
  note?(what: string): (result: string) => void;
}

/** An error that happened in a child. Has the code of a TokenStoreError, where it was one. */
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

/** A job that a child does. Its result is awaited; what it reports meanwhile can be awaited too. */
export interface Running<Name extends JobName> {
  readonly result: Promise<Jobs[Name]["result"]>;
  /** Everything that was reported so far. */
  readonly events: Jobs[Name]["event"][];
  /** Resolves with the first report. Rejects where the job ended without one. */
  first(): Promise<Jobs[Name]["event"]>;
  /** Tells the job to stop; its result follows. */
  stop(): Promise<Jobs[Name]["result"]>;
}

interface Pending {
  readonly events: unknown[];
  settle(message: ChildMessage): void;
  fail(error: Error): void;
}

/** How many processes were started for each source: they are told apart by number. */
const started = new WeakMap<ChildSource, number>();

const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

/** A process of its own, with the store of the module opened on the space. */
export class Child {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  readonly #ready: Promise<void>;
  #calls = 0;
  #stderr = "";

  readonly #note: (what: string) => (result: string) => void;

  private constructor(source: ChildSource, options: OpenOptions) {
    // nothing of the parent's debugger or loaders: a child is a plain Node on plain JavaScript
    this.#process = fork(WORKER, [], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    const number = (started.get(source) ?? 0) + 1;
    started.set(source, number);
    this.#note = (what) => source.note?.(`process ${number}: ${what}`) ?? (() => {});
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    // "close" for its output, "disconnect" for its messages: one killed may have said more than was heard yet
    const over = [once(this.#process, "close"), once(this.#process, "disconnect")];
    this.#ended = Promise.all(over).then(
      () => {},
      () => {}, // it could not be started at all
    );
    let isReady!: () => void;
    let isBroken!: (error: Error) => void;
    this.#ready = new Promise((resolve, reject) => {
      isReady = resolve;
      isBroken = reject;
    });
    this.#ready.catch(() => {}); // told to whoever started the child
    this.#process.on("message", (message: ChildMessage) => {
      if (message.kind === "ready") isReady();
      else if (message.kind === "broken") isBroken(new ChildError(message.error));
      else this.#pending.get(message.call)?.settle(message);
    });
    void this.#ended.then(() => {
      const error = new Error(`The child process ended in the middle of its work.${this.#lastWords()}`);
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

  /** Starts a process and resolves once it has made its store. */
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

  /** Resolves when the process is gone and everything that it said has been heard. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Has the child begin a job.
   * @param startAt the Unix millisecond to begin at, for several children at once; by default now
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
    const tell = this.#note(`store.${describeJob(job, args)}`);
    result.then(
      (value) => tell(value === null && job !== "findToken" ? "done" : show(value)),
      (error) => tell(show(error)), // a killed child's job has nobody else waiting for it
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

  /** Has the child do a job, and waits for it. */
  run<Name extends JobName>(
    job: Name,
    args: Jobs[Name]["args"],
    startAt: number = 0,
  ): Promise<Jobs[Name]["result"]> {
    return this.begin(job, args, startAt).result;
  }

  /** Sends a signal. After `SIGKILL` it waits until the process is gone. */
  async kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#note(signal)("");
    this.#process.kill(signal);
    if (signal === "SIGKILL") await this.#ended;
  }

  /** Waits until the process has ended by itself. @returns false where it has not within `ms` */
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

  /** Ends the process, whatever it is doing: a stopped one too. */
  async end(): Promise<void> {
    if (!this.hasExited) this.#process.kill("SIGKILL");
    await this.#ended;
  }

  #send(message: ParentMessage): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #lastWords(): string {
    return this.#stderr === "" ? "" : ` It said: ${this.#stderr}`;
  }
}
