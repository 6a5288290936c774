export const written = (n: number): string => n.toLocaleString("en");
export const callersText = (callers: number): string => (callers === 1 ? "1 caller" : `${callers} callers`);

/** Microseconds, as a person reads them. */
export function duration(microseconds: number): string {
  if (microseconds < 10) return `${microseconds.toFixed(1)} µs`;
  if (microseconds < 1000) return `${microseconds.toFixed(0)} µs`;
  const ms = microseconds / 1000;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(0)} s`;
}
