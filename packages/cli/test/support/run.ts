import { spawn } from "node:child_process";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { vi } from "vitest";
import { explainFailure } from "../../src/errors.js";
import { Output } from "../../src/output.js";
import { createProgram } from "../../src/program.js";

/** The command, built. */
export const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** What a run of the command printed, and how it ended. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command without a terminal. */
export function tokenkeep(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output.stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...output }));
  });
}

/** How to run the command in this process. */
export interface Here {
  /** Whether it shows progress and colours; it can't ask. */
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
  /** Told of everything on stderr, as it comes. */
  readonly onStderr?: (text: string) => void;
}

/** Runs the command in this process, which is quicker, with this environment. */
export async function tokenkeepHere(
  args: readonly string[],
  env: Record<string, string> = {},
  { isTerminal = false, signal = new AbortController().signal, onStderr }: Here = {},
): Promise<Ran> {
  const [stdout, stderr] = [new Text(isTerminal), new Text(isTerminal, onStderr)];
  const output = new Output(stdout as never, stderr as never);
  let status = 0;
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    await createProgram({ output, signal }, (own) => {
      status = own;
    }).parseAsync(args, { from: "user" });
  } catch (error) {
    const failure = explainFailure(error);
    status = error instanceof CommanderError ? 2 : failure.status;
    output.say(failure.message);
  } finally {
    vi.unstubAllEnvs();
  }
  return { status, stdout: stdout.text, stderr: stderr.text };
}

class Text extends Writable {
  text = "";
  readonly isTTY: boolean;

  readonly #onText: (text: string) => void;

  constructor(isTTY: boolean, onText: (text: string) => void = () => {}) {
    super();
    this.isTTY = isTTY;
    this.#onText = onText;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk;
    this.#onText(String(chunk));
    done();
  }
}
