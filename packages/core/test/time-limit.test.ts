import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { TimeLimits } from "../src/time-limit.js";

const never = new Promise<never>(() => {});
const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function timeOf(waiting: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
  return performance.now() - start;
}

it("ends each wait at its own time, whatever came between", async () => {
  const limits = new TimeLimits(200, "test");
  const early = limits.start();
  await after(100);
  const late = timeOf(limits.race(never));
  // begun first, and waited for last: after it waits for something else
  expect(await limits.race(after(20).then(() => "in time"))).toBe("in time");
  const left = await timeOf(early.race(never));
  expect(left).toBeGreaterThan(20);
  expect(left).toBeLessThan(150);
  expect(() => early.check()).toThrowError("no answer within 200 ms");
  expect(await late).toBeGreaterThan(190);
  // also once the timer has rung for nobody
  expect(await timeOf(limits.race(never))).toBeGreaterThan(190);
});

it("passes on what came in time, value or error", async () => {
  const limits = new TimeLimits(1000, "test");
  expect(await limits.race(Promise.resolve(1))).toBe(1);
  await expect(limits.race(Promise.reject(new Error("its own")))).rejects.toThrowError("its own");
});

it("keeps a process alive for as long as something is waited for, and no longer", () => {
  const run = (last: string) => {
    const module = new URL("../dist/time-limit.js", import.meta.url);
    const program = `
      import { TimeLimits } from ${JSON.stringify(module)};
      const limits = new TimeLimits(500, "test");
      await limits.race(Promise.resolve());
      ${last}
      process.on("exit", () => console.log(performance.now() - begun));
      const begun = performance.now();`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", program]);
    return Number(stdout.toString());
  };
  expect(run("")).toBeLessThan(400);
  expect(run("limits.race(new Promise(() => {})).catch(() => {});")).toBeGreaterThan(400);
});
