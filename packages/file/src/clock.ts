import { readFileSync } from "node:fs";

/**
 * Where Linux names its boot, the machine's steady clock in milliseconds: one for all processes, set by nobody,
 * and begun anew at each boot. Elsewhere the wall clock.
 */
export interface Clock {
  /** Times of another clock say nothing: who held a lease by it is gone. */
  readonly clock: string;
  readonly at: number;
}

let boot: string | undefined;

export function now(): Clock {
  boot ??= readBoot();
  return boot === ""
    ? { clock: boot, at: Date.now() }
    : { clock: boot, at: Number(process.hrtime.bigint() / 1_000_000n) };
}

function readBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
