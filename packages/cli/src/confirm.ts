import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { CommandError, UsageError } from "./errors.js";

/** How a command may ask. */
export interface Asking {
  readonly yes?: boolean | undefined;
  /** False with `--no-input`. */
  readonly input?: boolean | undefined;
}

/**
 * Asks before something is changed. Without a terminal it needs `--yes`, and fails at once otherwise.
 * @param question what is about to happen, with the name of the target
 * @param asking whether and how to ask
 * @param signal aborts at Ctrl-C, which is a no
 * @throws UsageError where nobody can be asked; CommandError where the answer is no
 */
export async function confirm(question: string, { yes, input }: Asking, signal: AbortSignal): Promise<void> {
  if (yes) return;
  const canAsk = input !== false && process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (!canAsk)
    throw new UsageError(
      `${question}\nThere is no terminal to ask on. Repeat the command with --yes to do it.`,
    );
  // The terminal itself edits the line, and Ctrl-C stays a signal.
  const prompt = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const isOver = once(prompt, "close").then(() => "no"); // Ctrl-D
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `, { signal }), isOver]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError("Nothing was changed.");
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write("\n");
    throw new CommandError("Nothing was changed.");
  } finally {
    prompt.close();
  }
}
