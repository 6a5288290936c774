import { expect, it } from "vitest";
import { KeyedQueue } from "../src/keyed-queue.js";

it("runs callers of one key one after the other, and those of another key at the same time", async () => {
  const queue = new KeyedQueue();
  const first = queue.join("a");
  const second = queue.join("a");
  const other = queue.join("b");
  expect([first.turn, other.turn]).toEqual([undefined, undefined]);
  let isSecond = false;
  const waiting = second.turn?.then(() => {
    isSecond = true;
  });
  other.leave();
  await new Promise(setImmediate);
  expect(isSecond).toBe(false);
  first.leave();
  await waiting;
  expect(isSecond).toBe(true);
});

it("keeps the order when a caller in the middle leaves early", async () => {
  const queue = new KeyedQueue();
  const first = queue.join("a");
  const impatient = queue.join("a");
  const last = queue.join("a");
  expect(first.turn).toBeUndefined();
  let isLast = false;
  const waiting = last.turn?.then(() => {
    isLast = true;
  });
  impatient.leave();
  await new Promise(setImmediate);
  expect(isLast).toBe(false);
  first.leave();
  await waiting;
  expect(isLast).toBe(true);
});

it("has no turn to wait for when it is empty again", async () => {
  const queue = new KeyedQueue();
  queue.join("a").leave();
  await new Promise(setImmediate);
  expect(queue.join("a").turn).toBeUndefined();
});
