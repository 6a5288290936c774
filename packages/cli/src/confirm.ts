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
 * @throws UsageError where nobody can be asked; CommandError where the answer is no
 */
export async function confirm(question: string, { yes, input }: Asking): Promise<void> {
  if (yes) return;
  const canAsk = input !== false && process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (!canAsk)
    throw new UsageError(
      `${question}\nThere is no terminal to ask on. Repeat the command with --yes to do it.`,
    );
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError("Nothing was changed.");
  } finally {
    prompt.close();
  }
}
