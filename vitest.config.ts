import { defineConfig } from "vitest/config";

// Shared by every package, each of which runs it in its own folder.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: "test-report/results.json" }]],
    // real servers and child processes on a small machine
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // of two packages at once; more would not end sooner, since two cores are busy with that, and meet time limits
    maxWorkers: 2,
    // What was not equal is told whole: a log may be all that is left of a run.
    chaiConfig: { truncateThreshold: 400 },
  },
});
