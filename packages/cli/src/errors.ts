import { isTokenStoreError } from "@tokenkeep/core";

/** Wrong usage: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something was not done: exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/**
 * The exit status for an error, and what to say.
 * @param error what was thrown
 * @returns 2 for wrong usage, otherwise 1; and a sentence without secrets
 */
export function explainFailure(error: unknown): { status: number; message: string } {
  if (error instanceof UsageError) return { status: 2, message: error.message };
  if (error instanceof CommandError) return { status: 1, message: error.message };
  if (isTokenStoreError(error)) {
    const status = error.code === "ERR_INVALID_OPTIONS" ? 2 : 1;
    // What the message says of the option `encryption` is for programs.
    const keys = error.code === "ERR_KEY" ? " Here the keys come from TOKENKEEP_KEYS or --keys-file." : "";
    return { status, message: `${error.message}${keys} (${error.code})` };
  }
  return { status: 1, message: error instanceof Error ? error.message : String(error) };
}
