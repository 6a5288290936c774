import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { type Deadline, Deadlines } from "../src/deadlines.js";

it("gives up what is over, whatever the order in which it was set, and nothing that was cancelled", async () => {
  const deadlines = new Deadlines();
  const start = performance.now();
  const over: string[] = [];
  const set = (name: string, ms: number) => deadlines.set(start + ms, () => over.push(name));
  set("late", 60);
  set("soon", 20);
  set("cancelled", 25).cancel();
  set("at once", -1);
  await vi.waitFor(() => expect(over).toEqual(["at once", "soon", "late"]));
  // and again after a time with nothing to wait for
  const again = performance.now();
  await new Promise<void>((resolve) => deadlines.set(again + 20, resolve));
  expect(performance.now() - again).toBeGreaterThanOrEqual(19);
});

it("may give one up that cancels the next or sets another", async () => {
  const deadlines = new Deadlines();
  const end = performance.now() + 10;
  let next: Deadline | undefined;
  let isNextGivenUp = false;
  const other = new Promise<void>((resolve) => {
    deadlines.set(end, () => {
      next?.cancel();
      deadlines.set(performance.now() + 5, resolve);
    });
  });
  next = deadlines.set(end, () => {
    isNextGivenUp = true;
  });
  await Promise.all([other, sleep(40)]);
  expect(isNextGivenUp).toBe(false);
});
