import { defineConfig } from "vitest/config";

// Shared by every package, each of which runs it in its own folder.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: "test-report/results.json" }]],
    // real servers and child processes on a small machine
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // of two packages at once, that is more than there may be cores: most of the time they wait, for leases to
    // end and servers to come back
    maxWorkers: 2,
    // What was not equal is told whole: a log may be all that is left of a run.
    chaiConfig: { truncateThreshold: 400 },
  },
});
