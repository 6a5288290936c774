// The report of a run of histories, for a terminal.
import { type ModelRecord, storedToken } from "../model.js";
import { show } from "../show.js";
import type { LockAnomaly } from "./holds.js";
import type { Anomaly } from "./linearize.js";
import type { Failover, Hold, LockAction, Operation, RecordAction } from "./operation.js";
import type { HistoryReport } from "./run-histories.js";
import type { State } from "./state.js";

/** How many anomalies, possible states and writers are shown. */
const SHOWN = 3;

/**
 * The report as text.
 * @param report of `runHistories`
 * @returns several lines
 */
export function textOfHistories(report: HistoryReport): string {
  const total = Object.values(report.calls).reduce((sum, count) => sum + count, 0);
  const lines = [
    `${report.store}: ${seconds(report.madeForMs)} of histories, ${processes(report)}, seed ${report.seed}`,
    "",
    `  calls         ${written(total)}: ${counts(report.calls)}`,
    `  failed        ${counts(report.failures) || "none"}`,
    `  not known     ${written(report.uncertain)} writes, done or not`,
    `  disruptions   ${counts(report.disruptions) || "none"}`,
    ...("failover" in report.disruptions ? [`  lost          ${lostText(report)}`] : []),
    `  longest call  ${seconds(report.longestMs)}: ${report.longestCall}`,
    `  checked in    ${seconds(report.checkedForMs)}`,
  ];
  for (const anomaly of report.anomalies.slice(0, SHOWN)) lines.push("", anomaly);
  for (const group of report.undecided) lines.push("", `? too many possible orders in group ${group}`);
  const found = report.anomalies.length;
  const undecided = report.undecided.length;
  if (undecided > 0) lines.push("", `${undecided} groups are undecided: use fewer processes.`);
  lines.push(
    "",
    found === 0
      ? `No anomaly${undecided > 0 ? " in the others" : ""}: one order of the calls explains every result.`
      : `${found} ${found === 1 ? "anomaly" : "anomalies"}.`,
  );
  return lines.join("\n");
}

function processes({ processes: count }: HistoryReport): string {
  return count === 1 ? "1 process" : `${count} processes`;
}

function counts(of: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(of).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${written(count)} ${name}`).join(", ");
}

function lostText({ lostWrites, lostLocks }: HistoryReport): string {
  return `${written(lostWrites)} acknowledged writes and ${written(lostLocks)} locks, in failovers`;
}

/** An anomaly, with the calls that show it. */
export function anomalyText({ unexplained, before, writers, others }: Anomaly): string {
  const start = unexplained.from;
  const callLines = (call: Operation): string[] => [
    `    ${when(call, start)} ${callText(call.action)}`,
    `        ${outcomeText(call)}`,
  ];
  return [
    "✗ No order of the calls explains this result:",
    ...callLines(unexplained),
    "  When the call began, this was stored:",
    ...before.slice(0, SHOWN).map((state, i) => `    ${i === 0 ? "" : "or "}${stateText(state)}`),
    ...(before.length > SHOWN ? [`    or ${before.length - SHOWN} more`] : []),
    ...(writers.length > 0 ? ["  written by:"] : []),
    ...writers.slice(-SHOWN).flatMap(callLines),
    ...(others.length > 0 ? ["  At the same time, or with an unknown outcome:"] : []),
    ...others.flatMap(callLines),
  ].join("\n");
}

/** What is wrong with a lock, with its holders. */
export function lockText({ what, holds }: LockAnomaly): string {
  const from = holds[0].from;
  return [
    `✗ A lock was granted wrongly: ${what}.`,
    ...holds.flatMap((hold) => [
      `    ${when(hold, from)} ${callText(hold.action)}`,
      `        ${workText(hold, from)}, ${outcomeText(hold)}`,
    ]),
  ].join("\n");
}

function workText({ fence, workFrom, workTo }: Hold, from: number): string {
  return `fence ${fence}, worked ${time(workFrom, from)} to ${time(workTo, from)}`;
}

function stateText({ records }: State): string {
  return records.length === 0 ? "no record" : records.map((record) => recordText(record)).join(" and ");
}

function recordText(record: ModelRecord): string {
  const given = Object.entries(storedToken(record)).filter(([, value]) => value !== null);
  return show(Object.fromEntries(given));
}

function callText(action: RecordAction | LockAction | Failover): string {
  switch (action.method) {
    case "findToken":
      return `findToken(${show(action.query)})`;
    case "findTokenById":
      return `findTokenById(${show(action.id)})`;
    case "saveToken": {
      const { base, token } = action;
      const given =
        base === undefined ? show(token) : `copy of ${base.id} at revision ${base.revision}, ${show(token)}`;
      return `saveToken(${given}${condition(action)})`;
    }
    case "deleteToken":
      return `deleteToken(${show(action.id)}${condition(action)})`;
    case "deleteTokens":
      return "deleteTokens()";
    case "withLock":
      return `withLock(${show(action.key)})`;
    case "failover":
      return "a failover";
  }
}

function condition({ ifRevision }: { readonly ifRevision?: number }): string {
  return ifRevision === undefined ? "" : `, { ifRevision: ${ifRevision} }`;
}

function outcomeText({
  action,
  outcome,
  to,
  until,
}: Operation<RecordAction | LockAction | Failover>): string {
  if (action.method === "failover") return "→ the last writes may be gone";
  if (outcome === undefined) return "→ its process was killed";
  if ("value" in outcome) {
    if (outcome.value === null) return action.method.startsWith("find") ? "→ null" : "→ done";
    return `→ ${recordText(outcome.value)}`;
  }
  const late = outcome.uncertain ? `, may have been applied until ${Math.round(until - to)} ms later` : "";
  return `→ ${outcome.code}${late}`;
}

function when({ from, to, process }: Operation<unknown>, start: number): string {
  return `${time(from, start)} to ${time(to, start)}, process ${process}:`;
}

function time(at: number | undefined, from: number): string {
  return at === undefined ? "?" : `${(at - from).toFixed(1)} ms`;
}

function seconds(ms: number): string {
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

function written(count: number): string {
  return count.toLocaleString("en");
}
