import { mkdir, rm, writeFile } from "node:fs/promises";
import { afterAll, describe, it } from "vitest";
import { hasDocker, type Topology } from "./topology.js";

/** A suite on several servers at once, which only Docker gives; without it, it is reported as NOT RUN. */
export async function describeOn(
  name: string,
  start: () => Promise<Topology>,
  register: (topology: Topology) => void | Promise<void>,
): Promise<void> {
  const report = `test-report/not-run-${name}.txt`;
  if (!(await hasDocker())) {
    const required = (process.env.TOKENKEEP_REQUIRE ?? "").split(",").map((word) => word.trim());
    const message = `${name} was NOT RUN: there is no Docker engine here. Start one.`;
    if (required.includes("redis") || required.includes("all")) throw new Error(message);
    await mkdir("test-report", { recursive: true });
    await writeFile(report, `${message}\n`);
    describe(`on ${name}`, () => {
      it(message, (context) => context.skip(message));
    });
    return;
  }
  await rm(report, { force: true });
  const topology = await start();
  describe(`on ${name}`, async () => {
    afterAll(() => topology.stop());
    await register(topology);
  });
}
