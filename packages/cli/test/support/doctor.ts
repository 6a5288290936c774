import { expect } from "vitest";
import { dump } from "./backends.js";
import { tokenkeepHere } from "./run.js";

/** What `doctor` said. */
export interface Diagnosis {
  readonly status: number | null;
  /** The names of the findings, each once, sorted. */
  readonly names: readonly string[];
}

/** Runs `doctor`, which must change nothing. @param dumpUrl where to look, if the store's user may not look */
export async function doctor(
  url: string,
  env: Record<string, string> = {},
  dumpUrl: string = url,
): Promise<Diagnosis> {
  const before = await dump(dumpUrl);
  const { status, stdout, stderr } = await tokenkeepHere(["doctor", "--json"], {
    TOKENKEEP_STORE: url,
    ...env,
  });
  expect(stderr).toBe("");
  expect(await dump(dumpUrl)).toBe(before);
  const { findings } = JSON.parse(stdout) as { findings: { name: string }[] };
  return { status, names: [...new Set(findings.map(({ name }) => name))].sort() };
}

/** Runs `doctor` on a host whose clock is five minutes ahead. */
export async function fiveMinutesAhead<T>(work: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + 300_000;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}
