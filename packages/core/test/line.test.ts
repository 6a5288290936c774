import { expect, it } from "vitest";
import { Line } from "../src/line.js";

it("lets those of one key come one after the other, and those of another beside them", async () => {
  const line = new Line();
  const first = line.join("a");
  const second = line.join("a");
  const other = line.join("b");
  expect([first.ahead, other.ahead]).toEqual([undefined, undefined]);
  let isSecond = false;
  const turn = second.ahead?.then(() => {
    isSecond = true;
  });
  other.leave();
  await new Promise(setImmediate);
  expect(isSecond).toBe(false);
  first.leave();
  await turn;
  expect(isSecond).toBe(true);
});

it("keeps the order where somebody in the middle leaves early", async () => {
  const line = new Line();
  const first = line.join("a");
  const impatient = line.join("a");
  const last = line.join("a");
  expect(first.ahead).toBeUndefined();
  let isLast = false;
  const turn = last.ahead?.then(() => {
    isLast = true;
  });
  impatient.leave();
  await new Promise(setImmediate);
  expect(isLast).toBe(false);
  first.leave();
  await turn;
  expect(isLast).toBe(true);
});

it("is at once anybody's again when it is empty", async () => {
  const line = new Line();
  line.join("a").leave();
  await new Promise(setImmediate);
  expect(line.join("a").ahead).toBeUndefined();
});
