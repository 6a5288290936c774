import { describe, expect, it } from "vitest";
import { BoundedMap } from "../src/bounded-map.js";

describe("BoundedMap", () => {
  it("keeps at least as many entries as it was told, and at most twice as many", () => {
    const map = new BoundedMap<number>(100);
    for (let n = 0; n < 1000; n++) map.set(`${n}`, n);
    const kept = Array.from({ length: 1000 }, (_, n) => n).filter((n) => map.get(`${n}`) === n);
    expect(kept.length).toBeGreaterThanOrEqual(100);
    expect(kept.length).toBeLessThanOrEqual(200);
    expect(kept).toContain(999);
  });

  it("keeps what is asked for again and again", () => {
    const map = new BoundedMap<string>(10);
    map.set("asked for", "still here");
    for (let n = 0; n < 1000; n++) {
      map.set(`${n}`, "");
      expect(map.get("asked for")).toBe("still here");
    }
  });

  it("forgets all", () => {
    const map = new BoundedMap<number>(1);
    for (const key of ["a", "b", "c"]) map.set(key, 1);
    map.clear();
    expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([undefined, undefined, undefined]);
  });
});
