import { expect, it } from "vitest";
import { Line } from "../src/line.js";

it("runs those of one key one after the other, and those of another beside them", async () => {
  const line = new Line();
  const seen: string[] = [];
  let open!: () => void;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = line.enter("a", async () => {
    await gate;
    seen.push("a1");
  });
  const second = line.enter("a", async () => void seen.push("a2"));
  await line.enter("b", async () => void seen.push("b"));
  expect(seen).toEqual(["b"]);
  open();
  await Promise.all([first, second]);
  expect(seen).toEqual(["b", "a1", "a2"]);
});

it("goes on after one who failed, and tells the error to that one alone", async () => {
  const line = new Line();
  const failing = line.enter("a", () => Promise.reject(new Error("no")));
  const next = line.enter("a", async () => "yes");
  await expect(failing).rejects.toThrowError("no");
  expect(await next).toBe("yes");
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
  await line.enter("a", async () => {});
  await new Promise(setImmediate);
  expect(line.join("a").ahead).toBeUndefined();
});
