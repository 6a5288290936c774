import type { TokenStore } from "@tokenkeep/core";
import {
  Deadline,
  keysOf,
  type Lookup,
  storedAccessOf,
  storedRecords,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";
import { counted, escaped } from "../text.js";
import { isMemo } from "../tokens.js";
import { type Finding, finding } from "./findings.js";

/** How many problems of one kind are named. */
const NAMED = 5;

/** Reads every record, and finds each by every lookup. Changes nothing. */
export async function checkRecords(store: TokenStore, signal: AbortSignal): Promise<Finding[]> {
  const access = storedAccessOf(store);
  const now = Date.now();
  const dead: string[] = [];
  const useless: string[] = [];
  const unreachable: string[] = [];
  const future: string[] = [];
  const unopened = new Map<string, string>();
  const keys = new Map<string, number>();
  let records = 0;
  for await (const { record, keyIds } of storedRecords(store, signal)) {
    if (isMemo(record.id)) continue;
    records++;
    const name = escaped(record.id);
    for (const id of keyIds) {
      const key = id === null ? "plaintext" : (id ?? "damaged");
      keys.set(key, (keys.get(key) ?? 0) + 1);
    }
    if (isLoginRequired(record)) dead.push(name);
    if (record.refreshToken === null && record.expiresAt !== null && record.expiresAt < now)
      useless.push(name);
    if (record.savedAt > now + CLOCK_MS) future.push(name);
    const plain = await access.run((backend) => backend.openStored(record)).catch((error: Error) => error);
    if (plain instanceof Error) {
      unopened.set(name, plain.message);
      continue;
    }
    const missing = await lookupsWithout(plain, (lookups, deadline) =>
      access.run((backend) => backend.read(lookups, deadline)),
    );
    if (missing.length > 0) unreachable.push(`${name} (${missing.join(", ")})`);
  }
  return [
    ...some(
      "dead-grants",
      "warning",
      dead,
      "need a login: the provider refuses their refresh token",
      "Ask these users to log in again, or prune them.",
    ),
    ...some(
      "expired-without-refresh",
      "advice",
      useless,
      "can give no token any more",
      "Run: tokenkeep prune --expired",
    ),
    ...some(
      "index-missing",
      "error",
      unreachable,
      "can't be found by a lookup",
      "Restore a backup, or export and import the store.",
    ),
    ...some(
      "saved-in-the-future",
      "warning",
      future,
      "were saved in the future",
      "Set the clocks of all hosts by NTP.",
    ),
    ...[...unopened]
      .slice(0, NAMED)
      .map(([id, message]) =>
        finding(
          "unreadable-record",
          "error",
          `The record ${id} can't be opened: ${message}`,
          "Give the right keys, or restore a backup.",
        ),
      ),
    ...keyFindings(keys, records),
  ];
}

/** Clocks of hosts may differ by this much. */
const CLOCK_MS = 60_000;

async function lookupsWithout(
  record: TokenRecord,
  read: (lookups: Lookup[], deadline: Deadline) => Promise<TokenRecord[]>,
): Promise<string[]> {
  const keys = keysOf(record);
  const missing: string[] = [];
  const lookups: Lookup[] = [{ kind: "id", key: record.id }];
  for (const kind of UNIQUE_KEYS) if (keys[kind] !== null) lookups.push({ kind, key: keys[kind] });
  for (const lookup of lookups) {
    const found = await read([lookup], new Deadline("doctor", 10_000));
    if (!found.some(({ id }) => id === record.id)) missing.push(lookup.kind);
  }
  return missing;
}

function isLoginRequired({ refreshState }: TokenRecord): boolean {
  if (refreshState === null) return false;
  return (JSON.parse(refreshState) as { status?: unknown }).status === "login-required";
}

function some(
  name: string,
  severity: Finding["severity"],
  ids: readonly string[],
  what: string,
  advice: string,
): Finding[] {
  if (ids.length === 0) return [];
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return [
    finding(
      name,
      severity,
      `${counted(ids.length, "record")} ${what}: ${ids.slice(0, NAMED).join(", ")}${more}.`,
      advice,
    ),
  ];
}

function keyFindings(keys: ReadonlyMap<string, number>, records: number): Finding[] {
  const plaintext = keys.get("plaintext") ?? 0;
  const sealed = [...keys.keys()].filter((key) => key !== "plaintext" && key !== "damaged");
  if (sealed.length === 0) return [];
  const findings: Finding[] = [];
  if (plaintext > 0) {
    findings.push(
      finding(
        "mixed-plaintext",
        "warning",
        `${plaintext} of ${records} records are not encrypted yet.`,
        "Run: tokenkeep rekey",
      ),
    );
  }
  if (sealed.length > 1) {
    const counts = sealed.map((key) => `${escaped(key)}: ${keys.get(key)}`).join(", ");
    findings.push(
      finding(
        "several-keys",
        "advice",
        `Records are sealed with several keys (${counts}).`,
        "Run: tokenkeep rekey",
      ),
    );
  }
  return findings;
}
