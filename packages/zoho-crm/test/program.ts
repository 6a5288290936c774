import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import type { SdkName } from "./sdks.js";

/** What the program's user gives to the SDK's `OAuthToken`. */
export interface Login {
  clientId?: string;
  clientSecret?: string;
  grantToken?: string;
  refreshToken?: string;
  accessToken?: string;
  redirectUrl?: string;
  id?: string;
  user?: string;
  findUser?: boolean;
}

/** The module of a store, and the options that it is given. */
export interface StoreChoice {
  module: string;
  options?: unknown;
}

export interface Program {
  sdk: SdkName;
  url: string;
  store: StoreChoice;
  /** The options of the bridge. */
  bridge?: { refresh?: boolean };
  login?: Login;
  steps: readonly (readonly [step: string, argument?: unknown])[];
}

const FLOW = fileURLToPath(new URL("./flow.mjs", import.meta.url));

/** Steps of the SDK's in a process of their own. */
export class Running {
  /** What each step gave. */
  // biome-ignore lint/suspicious/noExplicitAny: what a step gives is known by who asked for it
  readonly results: Promise<any[]>;
  readonly #child;
  readonly #changed = new EventEmitter();
  #output = "";
  #errors = "";

  constructor(program: Program) {
    this.#child = spawn(process.execPath, [FLOW, JSON.stringify(program)]);
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#changed.emit("output");
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.results = once(this.#child, "close").then(([code]) => {
      this.#changed.emit("output");
      if (code !== 0) throw new Error(`The program ended with ${code}: ${this.#errors}`);
      return JSON.parse(this.#output.trim().split("\n").at(-1) ?? "");
    });
    this.results.catch(() => {}); // reported to whoever asks for them
  }

  /** Resolves once the program has come to its step `wait` for the nth time. */
  async waits(times: number): Promise<void> {
    while ((this.#output.match(/^ready$/gm)?.length ?? 0) < times) {
      if (this.#child.exitCode !== null) throw new Error(`The program ended: ${this.#errors}`);
      await once(this.#changed, "output");
    }
  }

  /** Lets a program that waits go on. */
  go(): void {
    this.#child.stdin.write("go\n");
  }
}

/** Runs steps of the SDK's in a process of their own. @returns what each step gave */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function run(program: Program): Promise<any[]> {
  return new Running(program).results;
}
