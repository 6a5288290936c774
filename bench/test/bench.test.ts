import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { bench as memoryBench } from "../src/backends/memory.js";
import type { Candidate } from "../src/bench.js";
import { measureBackend } from "../src/measure-backend.js";
import { page } from "../src/page/page.js";
import { plot } from "../src/page/plot.js";
import { measure } from "../src/rounds.js";
import { faster, judge } from "../src/targets.js";

const setting = { job: "find", callers: 4, turnMs: 60, rounds: 3 } as const;

function candidate(
  name: string,
  kind: Candidate["kind"],
  find: (i: number) => unknown,
  more: Partial<Candidate> = {},
): Candidate {
  return { name, kind, size: 100, durability: "none", jobs: { find }, ...more };
}

test("a candidate whose calls take ten times as long is found to be slower than half as fast", async () => {
  const [slow, quick] = [30, 3].map((ms) => () => sleep(ms));
  const measured = await measure(
    [
      candidate("store", "ours", slow!),
      candidate("driver", "driver", quick!),
      candidate("alternative", "alternative", quick!),
    ],
    setting,
  );
  const group = { job: "find", callers: 4, measured } as const;
  const [half] = judge(group, [{ job: "find", against: "driver", times: 0.5 }]);
  expect(half).toMatchObject({ met: false, size: 100, callers: 4 });
  expect(half!.text).toMatch(/^0\.[0-4]\d? × as fast as driver \(at least 0\.5\)$/);
  expect(judge(group, [{ job: "find", against: "driver", times: 0.001 }])[0]!.met).toBe(true);
  expect(judge(group, [{ job: "save", against: "driver", times: 0.5 }])).toEqual([]);
  expect(judge(group, [{ job: "find", against: "driver", times: 0.5, callers: 1 }])).toEqual([]);
  expect(judge(group, [{ job: "find", candidate: "driver", against: "store", times: 2 }])[0]!.met).toBe(true);
  expect(faster(group)).toMatchObject([{ name: "alternative", size: 100 }]);
  expect(measured[0]!.p50).toBeGreaterThan(28_000);
  expect(measured[0]!.p99).toBeGreaterThanOrEqual(measured[0]!.p50);
  expect(measured[0]!.rounds).toHaveLength(3);
});

test("the cost at a larger size is what it is a multiple of: twice as slow is 2 × the cost", async () => {
  const measured = await measure(
    [candidate("store", "ours", () => sleep(5)), candidate("store", "ours", () => sleep(20), { size: 1000 })],
    setting,
  );
  const [flat] = judge({ job: "find", callers: 4, measured }, []);
  expect(flat).toMatchObject({ size: 1000, met: false });
  expect(Number(flat!.text.split(" ")[0])).toBeGreaterThan(1.3);
});

test("as many calls run at once as there are callers, and a candidate that can't serve them is left out", async () => {
  let now = 0;
  let most = 0;
  const counted = async () => {
    most = Math.max(most, ++now);
    await sleep(1);
    now--;
  };
  const single = candidate("one at a time", "alternative", counted, { callers: [1] });
  const measured = await measure([candidate("store", "ours", counted), single], setting);
  expect(most).toBe(4);
  expect(measured.map(({ name }) => name)).toEqual(["store"]);
});

test("calls concern users of the whole store", async () => {
  const seen: number[] = [];
  const find = (i: number) => sleep(0.1, seen.push(i));
  await measure([candidate("store", "ours", find, { size: 1_000_000 })], { ...setting, turnMs: 150 });
  expect(new Set(seen).size).toBeGreaterThan(seen.length * 0.9);
  expect(Math.max(...seen)).toBeGreaterThan(500_000);
});

test("a measured backend makes its part of the page and its plot", async () => {
  const options = { callers: [1, 2], sizes: [100, 200], rounds: 3, turnMs: 5 };
  const result = await measureBackend("memory", "Memory", memoryBench, options);
  const jobs = ["find", "save", "save a copy"];
  expect(result.groups.map(({ job, callers }) => `${job} ${callers}`)).toEqual(
    jobs.flatMap((job) => [`${job} 1`, `${job} 2`]),
  );
  const text = page([result], { memory: memoryBench.notes });
  expect(text).toContain("## Memory");
  expect(text).toContain("benchmarks/memory.svg");
  expect(text).toMatch(/\| @tokenkeep\/memory \| 200 \| [\d,]+\/s \(.*, .*\) \| [\d,]+\/s/);
  // A bare Map is faster than a store with rules, and the page has to say so.
  expect(text).toMatch(
    /Where an alternative was faster than the store:\n\n- (find|save).*, \d callers?, \d00 tokens: \S/,
  );
  for (const note of memoryBench.notes) expect(text).toContain(note);
  const svg = plot(result);
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  for (const words of ["@tokenkeep/memory", "save a copy, 2 callers", "200 tokens"])
    expect(svg).toContain(words);
});
