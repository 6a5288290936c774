import { isTokenStoreError, type TokenStore } from "@tokenkeep/core";
import {
  keysOf,
  type Lookup,
  type LookupKind,
  storedAccessOf,
  storedRecords,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";
import { counted } from "../text.js";
import { isMemo } from "../tokens.js";
import { type Finding, type FindingName, finding } from "./findings.js";

/** How many problems of one kind are named. */
const NAMED = 5;
/** Clocks of hosts may differ by this much. */
const CLOCK_MS = 60_000;

/** Reads every record, and finds each by every lookup. Changes nothing. */
export async function checkRecords(store: TokenStore, signal: AbortSignal): Promise<Finding[]> {
  const now = Date.now();
  const dead: string[] = [];
  const useless: string[] = [];
  const future: string[] = [];
  const suspects = new Map<string, string>();
  const unopened: string[] = [];
  let reason: string | undefined; // of the first one: usually it is that of all
  const keys = new Map<string, number>();
  let records = 0;
  for await (const { record, keyIds } of storedRecords(store, signal)) {
    if (isMemo(record.id)) continue;
    records++;
    const { id, refreshToken, expiresAt } = record;
    for (const keyId of keyIds) {
      const key = keyId === null ? "plaintext" : (keyId ?? "damaged");
      keys.set(key, (keys.get(key) ?? 0) + 1);
    }
    if (isLoginRequired(record)) dead.push(id);
    if (refreshToken === null && expiresAt !== null && expiresAt < now) useless.push(id);
    if (record.savedAt > now + CLOCK_MS) future.push(id);
    const missing = await missingLookups(store, record).catch((error: Error) => {
      if (!isTokenStoreError(error) || error.retryable) throw error;
      reason ??= error.message;
      unopened.push(id);
      return [];
    });
    if (missing.length > 0) suspects.set(id, record.etag);
  }
  const unreachable = await confirm(store, suspects, signal);
  return [
    ...nameSome("dead-grants", "The provider refuses their refresh token, so the user has to log in", dead),
    ...nameSome("expired-without-refresh", "They can give no token any more", useless),
    ...nameSome("saved-in-the-future", "Saved in the future", future),
    ...nameSome("index-missing", "A lookup does not find them", unreachable),
    ...nameSome("unreadable-record", `${reason} Not opened`, unopened),
    ...keyFindings(keys, records),
  ];
}

/**
 * A finding that names the first few, if there are any.
 * @param what is wrong with them
 */
export function nameSome(name: FindingName, what: string, ids: readonly string[]): Finding[] {
  if (ids.length === 0) return [];
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return [finding(name, `${what}: ${ids.slice(0, NAMED).join(", ")}${more}.`)];
}

// A program may have refreshed a record between its reading and its lookup. Then it has another etag by now.
async function confirm(
  store: TokenStore,
  suspects: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string[]> {
  const confirmed: string[] = [];
  const changed = new Map<string, string>();
  if (suspects.size === 0) return confirmed;
  for await (const { record } of storedRecords(store, signal)) {
    const { id, etag } = record;
    if (!suspects.has(id)) continue;
    const missing = await missingLookups(store, record);
    if (missing.length === 0) continue;
    if (suspects.get(id) === etag) confirmed.push(`${id} (${missing.join(", ")})`);
    else changed.set(id, etag);
  }
  return [...confirmed, ...(await confirm(store, changed, signal))];
}

/** The kinds of lookup that do not find a record. */
async function missingLookups(store: TokenStore, stored: TokenRecord): Promise<LookupKind[]> {
  const access = storedAccessOf(store);
  const record = await access.run((backend) => backend.openStored(stored));
  const keys = keysOf(record);
  const lookups: Lookup[] = [{ kind: "id", key: record.id }];
  for (const kind of UNIQUE_KEYS) if (keys[kind] !== null) lookups.push({ kind, key: keys[kind] });
  const found = await Promise.all(
    lookups.map((lookup) => access.run((backend, deadline) => backend.read([lookup], deadline))),
  );
  return lookups.filter((_, i) => !found[i]!.some(({ id }) => id === record.id)).map(({ kind }) => kind);
}

function isLoginRequired({ refreshState }: TokenRecord): boolean {
  if (refreshState === null) return false;
  return (JSON.parse(refreshState) as { status?: unknown }).status === "login-required";
}

function keyFindings(keys: ReadonlyMap<string, number>, records: number): Finding[] {
  const plaintext = keys.get("plaintext") ?? 0;
  const sealed = [...keys].filter(([key]) => key !== "plaintext" && key !== "damaged");
  if (sealed.length === 0) return [];
  const findings: Finding[] = [];
  if (plaintext > 0)
    findings.push(
      finding("mixed-plaintext", `${plaintext} of ${counted(records, "record")} are not encrypted yet.`),
    );
  if (sealed.length > 1) {
    const counts = sealed.map(([key, count]) => `${key}: ${count}`).join(", ");
    findings.push(finding("several-keys", `Records are sealed with several keys (${counts}).`));
  }
  return findings;
}
