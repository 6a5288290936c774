import { spawn } from "node:child_process";
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

/** A program in a process of its own. */
export interface Running {
  /** Resolves once it has printed `ready`, which the step `wait` does. */
  readonly ready: Promise<void>;
  /** Lets a program that waits go on. */
  go(): void;
  /** What each step gave. */
  // biome-ignore lint/suspicious/noExplicitAny: what a step gives is known by who asked for it
  readonly results: Promise<any[]>;
}

/** Starts steps of the SDK's in a process of their own. */
export function start(program: Program): Running {
  const child = spawn(process.execPath, [FLOW, JSON.stringify(program)], { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  const ready = withResolvers<void>();
  const results = withResolvers<unknown[]>();
  ready.promise.catch(() => {}); // most programs don't wait
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (/^ready$/m.test(output)) ready.resolve();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.on("close", (code) => {
    const error = new Error(`the program ended with ${code}: ${errors}`);
    ready.reject(error);
    if (code === 0) results.resolve(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
    else results.reject(error);
  });
  return {
    ready: ready.promise,
    go: () => child.stdin.end(),
    results: results.promise,
  };
}

/** Runs steps of the SDK's in a process of their own. @returns what each step gave */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function run(program: Program): Promise<any[]> {
  return start(program).results;
}

// Node.js 20 does not have Promise.withResolvers
function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}
