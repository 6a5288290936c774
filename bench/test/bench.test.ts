import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { memoryBench } from "../src/backends/memory.js";
import { faster, judge } from "../src/judge.js";
import { measureBackend } from "../src/measure-backend.js";
import { page } from "../src/page/page.js";
import { plot } from "../src/page/plot.js";
import type { Subject } from "../src/subject.js";
import { measure } from "../src/turns.js";

const setting = { job: "find", callers: 4, turnMs: 60, rounds: 3 } as const;

function subject(name: string, kind: Subject["kind"], find: Subject["find"], more = {}): Subject {
  return { name, kind, size: 100, durability: "none", find, save: () => {}, ...more };
}

test("a subject whose calls take ten times as long is found to be slower than half as fast", async () => {
  const [slow, quick] = [30, 3].map((ms) => () => sleep(ms));
  const measured = await measure(
    [subject("store", "ours", slow!), subject("driver", "driver", quick!), subject("peer", "peer", quick!)],
    setting,
  );
  const group = { job: "find", callers: 4, measured } as const;
  const [half] = judge(group, [{ job: "find", against: "driver", times: 0.5 }]);
  expect(half).toMatchObject({ met: false, wanted: 0.5, size: 100, callers: 4 });
  expect(half!.value).toBeLessThan(0.5);
  expect(judge(group, [{ job: "find", against: "driver", times: 0.001 }])[0]!.met).toBe(true);
  expect(judge(group, [{ job: "save", against: "driver", times: 0.5 }])).toEqual([]);
  expect(judge(group, [{ job: "find", against: "driver", times: 0.5, callers: 1 }])).toEqual([]);
  expect(faster(group)).toMatchObject([{ name: "peer", size: 100 }]);
  expect(measured[0]!.p50).toBeGreaterThan(28_000);
  expect(measured[0]!.p99).toBeGreaterThanOrEqual(measured[0]!.p50);
  expect(measured[0]!.rounds).toHaveLength(3);
});

test("as many calls run at once as there are callers, and who can't serve so many is left out", async () => {
  let now = 0;
  let most = 0;
  const counted = async () => {
    most = Math.max(most, ++now);
    await sleep(1);
    now--;
  };
  const measured = await measure(
    [subject("store", "ours", counted), subject("one at a time", "peer", counted, { callers: [1] })],
    setting,
  );
  expect(most).toBe(4);
  expect(measured.map(({ name }) => name)).toEqual(["store"]);
});

test("each call is about another one of a hundred tokens all over the store", async () => {
  const seen = new Set<number>();
  const find = (i: number) => sleep(0.1, seen.add(i));
  await measure([subject("store", "ours", find, { size: 1000 })], { ...setting, turnMs: 150 });
  expect(seen.size).toBe(100);
  expect(Math.max(...seen)).toBe(990);
});

test("a backend measured makes its part of the page and its plot", async () => {
  const options = { callers: [1, 2], sizes: [100, 200], rounds: 3, turnMs: 5 };
  const result = await measureBackend("memory", memoryBench, options);
  expect(result.groups.map(({ job, callers }) => `${job} ${callers}`)).toEqual([
    "find 1",
    "find 2",
    "save 1",
    "save 2",
  ]);
  const text = page([result], { memory: memoryBench.notes });
  expect(text).toContain("## Memory");
  expect(text).toContain("benchmarks/memory.svg");
  expect(text).toMatch(/\| @tokenkeep\/memory \| 200 \| [\d,]+\/s \(.*, .*\) \| [\d,]+\/s/);
  // a bare Map is faster than a store with rules, and the page has to say so
  expect(text).toMatch(
    /Where a peer was faster than the store:\n\n- (find|save), \d callers?, \d00 tokens: \S/,
  );
  for (const note of memoryBench.notes) expect(text).toContain(note);
  const svg = plot(result);
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  for (const words of ["@tokenkeep/memory", "save, 2 callers", "200 tokens"]) expect(svg).toContain(words);
});
