/** How bad it is. `error`: something is wrong; `warning`: tokens may be lost or shown; `advice`: could be better. */
export type Severity = "error" | "warning" | "advice";

/** Something that `doctor` found. */
export interface Finding {
  /** Stable, for `--ignore`. */
  readonly name: string;
  readonly severity: Severity;
  /** What was found. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Makes a finding. */
export function finding(name: string, severity: Severity, what: string, advice: string): Finding {
  return { name, severity, what, advice };
}
