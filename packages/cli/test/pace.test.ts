import { describe, expect, it } from "vitest";
import { paceOf, parseRate } from "../src/pace.js";

const never = new AbortController().signal;

describe("--max-rate", () => {
  it("keeps to so many records per second, and makes up for no pause", async () => {
    const pace = paceOf(100, never);
    const startedAt = performance.now();
    for (let count = 1; count <= 20; count++) await pace(count);
    const ms = performance.now() - startedAt;
    expect(ms).toBeGreaterThan(195);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const again = performance.now();
    for (let count = 21; count <= 40; count++) await pace(count);
    expect(performance.now() - again).toBeGreaterThan(185);
  });

  it("waits for nothing without a rate, and no longer than until Ctrl-C", async () => {
    const startedAt = performance.now();
    await paceOf(undefined, never)(1_000_000);
    const stop = new AbortController();
    const waiting = paceOf(1e-9, stop.signal)(1);
    setTimeout(() => stop.abort(), 50);
    await waiting;
    expect(performance.now() - startedAt).toBeGreaterThan(45);
  });

  it.each(["0", "-1", "fast", "", "NaN"])("refuses %j", (text) => {
    expect(() => parseRate(text)).toThrow("--max-rate must be a number");
  });
});
