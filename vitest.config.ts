import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Begins with the kits, which take minutes: where one is the last, nothing is left to run next to it. */
class KitsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const kits = files.filter(({ moduleId }) => basename(moduleId).startsWith("conformance"));
    const others = files.filter((file) => !kits.includes(file));
    // "conformance.test.ts", the longest, comes last by name.
    const byName = kits.sort((a, b) => (a.moduleId < b.moduleId ? 1 : -1));
    return [...byName, ...(await super.sort(others))];
  }
}

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
    sequence: { sequencer: KitsFirst },
    // What was not equal is told whole: a log may be all that is left of a run.
    chaiConfig: { truncateThreshold: 400 },
  },
});
