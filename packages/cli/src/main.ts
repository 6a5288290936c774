#!/usr/bin/env node
import { CommanderError } from "commander";
import { processContext } from "./context.js";
import { explainFailure } from "./errors.js";
import { createProgram, isHelp } from "./program.js";
import { escapedLines } from "./text.js";

// A reader that has enough, such as `head`, closes the pipe. That is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const context = processContext();
let status = 0;
try {
  await createProgram(context, (own) => {
    status = own;
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said it already.
    status = isHelp(error) ? 0 : 2;
  } else {
    const failure = explainFailure(error);
    status = failure.status;
    context.output.say(`tokenkeep: ${escapedLines(failure.message)}`);
  }
}
process.exitCode = status;
