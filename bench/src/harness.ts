/** One thing that does the same job as its rivals in the group. */
export interface Contender {
  readonly name: string;
  /** What its writes survive: shown beside its number. */
  readonly durability?: string;
  /** One operation; `i` counts up, so that each can be about another record. */
  readonly run: (i: number) => unknown;
}

/** Contenders for one job, measured in turns. The first one is what the others are compared with. */
export interface Group {
  readonly title: string;
  readonly contenders: readonly Contender[];
  /** Operations per turn, of each contender. */
  readonly operations: number;
  /** How many callers at once; 1 unless told otherwise. */
  readonly callers?: number;
  readonly rounds?: number;
  readonly targets?: readonly Target[];
}

export interface Target {
  readonly contender: string;
  /** How fast it is compared with `against`, at least: 0.8 is four fifths as fast. */
  readonly times?: number;
  readonly against?: string;
  /** Operations per second, at least. */
  readonly perSecond?: number;
}

export interface Measured {
  readonly name: string;
  readonly durability: string | undefined;
  readonly microseconds: number;
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

export interface GroupResult {
  readonly title: string;
  readonly callers: number;
  readonly measured: readonly Measured[];
  readonly targets: readonly { text: string; value: number; met: boolean }[];
}

/** Runs a group: the contenders take turns, so that a slow minute of the machine meets all of them. */
export async function measure(group: Group): Promise<GroupResult> {
  const { contenders, operations, callers = 1, rounds = 9 } = group;
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  let count = 0;
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(turn + Math.max(round, 0)) % contenders.length]!;
      const start = performance.now();
      await Promise.all(
        Array.from({ length: callers }, async () => {
          for (let i = 0; i < operations / callers; i++) await contender.run(count++);
        }),
      );
      // the first round is for warming up
      if (round >= 0) times.get(contender.name)!.push(((performance.now() - start) / operations) * 1000);
    }
  }
  const measured = contenders.map(({ name, durability }) => {
    const microseconds = median(times.get(name)!);
    return { name, durability, microseconds, perSecond: 1e6 / microseconds, rounds: times.get(name)! };
  });
  const targets = (group.targets ?? []).map((target) => judge(target, measured, contenders[0]!.name));
  return { title: group.title, callers, measured, targets };
}

function judge(target: Target, measured: readonly Measured[], first: string): GroupResult["targets"][number] {
  const own = measured.find(({ name }) => name === target.contender)!;
  if (target.perSecond !== undefined) {
    return {
      text: `${own.name}: at least ${target.perSecond.toLocaleString("en")} a second`,
      value: own.perSecond,
      met: own.perSecond >= target.perSecond,
    };
  }
  const other = measured.find(({ name }) => name === (target.against ?? first))!;
  // round by round, so that what slows the machine down for a while cancels out
  const value = median(own.rounds.map((time, round) => other.rounds[round]! / time));
  const times = target.times ?? 1;
  const shown = Number(times.toFixed(2));
  return { text: `${own.name}: at least ${shown} × as fast as ${other.name}`, value, met: value >= times };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function print({ title, callers, measured, targets }: GroupResult): void {
  console.log(`\n${title}${callers > 1 ? `, ${callers} callers` : ""}`);
  const rows = measured.map(({ name, microseconds, perSecond, durability }) => [
    name,
    `${microseconds.toFixed(microseconds < 10 ? 2 : 0)} µs`,
    `${Math.round(perSecond).toLocaleString("en")}/s`,
    durability ?? "",
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const [name, time, rate, durability] of rows) {
    console.log(
      `  ${name!.padEnd(widths[0]!)}  ${time!.padStart(widths[1]!)}  ${rate!.padStart(widths[2]!)}  ${durability}`,
    );
  }
  for (const { text, value, met } of targets) {
    const shown = value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
    console.log(`  ${met ? "✓" : "✗"} ${text}: ${shown}`);
  }
}
