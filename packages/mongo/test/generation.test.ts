import { expect, it } from "vitest";
import { Generation } from "../src/generation.js";

it("is not lowered by an answer that was overtaken", () => {
  const generation = new Generation();
  const early = generation.ask();
  const late = generation.ask();
  generation.learn(1, late);
  generation.learn(0, early);
  expect(generation.value).toBe(1);
});

it("follows a database that went back", () => {
  const generation = new Generation();
  generation.learn(5, generation.ask());
  generation.learn(2, generation.ask());
  expect(generation.value).toBe(2);
});
