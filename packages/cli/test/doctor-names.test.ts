import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { FINDINGS } from "../src/doctor/findings.js";

it("every problem that doctor claims to find is planted by one of its tests", () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const tests = readdirSync(folder).filter((name) => /^doctor-.*\.test\.ts$/.test(name));
  const text = tests.map((name) => readFileSync(`${folder}${name}`, "utf8")).join("\n");
  const unplanted = Object.keys(FINDINGS).filter((name) => !text.includes(`"${name}"`));
  expect(unplanted).toEqual([]);
  expect(Object.keys(FINDINGS).length).toBeGreaterThanOrEqual(25);
});
