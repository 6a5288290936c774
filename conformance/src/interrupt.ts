/**
 * For a run that may take hours: the first Ctrl-C ends it with a report, the second ends the program.
 * @returns what is aborted by the first
 */
export function untilInterrupted(): AbortSignal {
  const ending = new AbortController();
  process.once("SIGINT", () => {
    console.error("\nThe last calls are checked. Ctrl-C again ends without a report.");
    ending.abort();
  });
  return ending.signal;
}
