import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { OAuth2ProviderOptions, TokenManagerOptions, User } from "../../src/index.js";

/**
 * Options of a manager for many requests at once: on a busy machine the last may be answered after the usual 15 seconds.
 */
export const PATIENT = { timeoutMs: 120_000, requestTimeoutMs: 60_000 };

export interface StoreSettings {
  readonly module: string;
  readonly name: string;
  readonly options: object;
}

export interface WorkerSettings {
  readonly store: StoreSettings;
  readonly provider: OAuth2ProviderOptions;
  readonly manager?: TokenManagerOptions;
  readonly clockOffsetMs?: number;
}

export interface Outcome {
  readonly token?: string;
  readonly code?: string;
  readonly message?: string;
  readonly ms: number;
}

const WORKER = fileURLToPath(new URL("./worker.mjs", import.meta.url));

/** One process with a TokenManager. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #count = 0;
  readonly ready: Promise<void>;
  readonly #ended: Promise<void>;

  constructor(settings: WorkerSettings) {
    this.#child = fork(WORKER, [JSON.stringify(settings)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
    });
    this.ready = new Promise((resolve, reject) => {
      this.#child.once("exit", (code, signal) => {
        const error = new Error(`The process ended: ${signal ?? code}`);
        reject(error);
        for (const { reject: fail } of this.#waiting.values()) fail(error);
        this.#waiting.clear();
      });
      this.#child.on("message", (message: { id: number; isReady?: true; result?: never; error?: string }) => {
        if (message.isReady) return resolve();
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.error === undefined) waiting?.resolve(message.result!);
        else waiting?.reject(new Error(message.error));
      });
    });
    this.ready.catch(() => {});
  }

  get(users: readonly User[], callers = 1, wanted: object = {}): Promise<Outcome[]> {
    return this.#order("get", users, callers, wanted);
  }

  call(user: User, url: string, ms: number): Promise<Record<string, number>> {
    return this.#order("call", user, url, ms);
  }

  insist(user: User, ms: number): Promise<string[]> {
    return this.#order("insist", user, ms);
  }

  revoke(user: User): Promise<void> {
    return this.#order("revoke", user);
  }

  /** Opens the store, so that a test measures nothing but its own work. */
  async open(): Promise<void> {
    await this.ready;
    await this.#order("ready");
  }

  async close(): Promise<void> {
    await this.#order("close");
    this.#child.disconnect();
    await this.#ended;
  }

  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  async #order<T>(order: string, ...given: unknown[]): Promise<T> {
    await this.ready;
    const id = ++this.#count;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#child.send({ id, order, given });
    });
  }
}

export async function startWorkers(count: number, settings: WorkerSettings): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => new Worker(settings));
  await Promise.all(workers.map((worker) => worker.open()));
  return workers;
}
