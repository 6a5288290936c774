import type { OAuthToken, PlainToken } from "@tokenkeep/core";
import type { StoredRecord } from "@tokenkeep/core/backend";
import type { Output } from "./output.js";
import { relative } from "./text.js";

/** What is shown of a record in a list: no secret, so it needs no key. */
export interface TokenSummary {
  readonly id: string;
  readonly user: string | null;
  readonly clientId: string | null;
  readonly issuer: string | null;
  readonly expiresAt: number | null;
  readonly hasRefreshToken: boolean;
  /** What is known of its refreshes: `ok`, `failing`, `login-required`, … */
  readonly state: string;
  readonly revision: number;
  readonly createdAt: number;
  readonly savedAt: number;
  /** The keys that its values are sealed with; `plaintext`, or `damaged`. */
  readonly keys: readonly string[];
}

/** Whether a record is what a tool remembers, such as an import which rows it has imported, and no user's token. */
export function isMemo(id: string): boolean {
  return id.startsWith("tokenkeep:");
}

/** What a list shows of a record. */
export function summaryOf({ record, keyIds }: StoredRecord): TokenSummary {
  return {
    id: record.id,
    user: record.userName,
    clientId: record.clientId,
    issuer: record.issuer,
    expiresAt: record.expiresAt,
    hasRefreshToken: record.refreshToken !== null,
    state: stateOf(record.refreshState),
    revision: record.revision,
    createdAt: record.createdAt,
    savedAt: record.savedAt,
    keys: [...keyIds].map((id) => (id === null ? "plaintext" : (id ?? "damaged"))),
  };
}

function stateOf(refreshState: string | null): string {
  if (refreshState === null) return "–";
  const { status } = JSON.parse(refreshState) as { status?: unknown };
  return typeof status === "string" ? status : "–";
}

/** A token as JSON: its secrets masked, or revealed. */
export function jsonOf(token: OAuthToken, reveal: boolean): PlainToken | ReturnType<OAuthToken["toJSON"]> {
  return reveal ? token.toPlain() : token.toJSON();
}

/** A token's expiry in words, coloured on a terminal. */
export function expiryText({ expiresAt, hasRefreshToken }: TokenSummary, output: Output): string {
  if (expiresAt === null) return "–";
  const text = relative(expiresAt);
  if (expiresAt > Date.now()) return output.colors.green(text);
  return hasRefreshToken ? output.colors.yellow(text) : output.colors.red(text);
}
