import { type Finding, finding } from "./findings.js";

/** An index of a table, as the server describes it. */
export interface SqlIndex {
  /** Its columns, in order, separated by commas. */
  readonly columns: string;
  readonly isUnique: boolean;
}

/** The indexes of the table of tokens, without its primary key, and whether they are unique. */
const INDEXES: Readonly<Record<string, boolean>> = {
  "namespace,user_client_key": true,
  "namespace,grant_token_key": true,
  "namespace,refresh_token_key": true,
  "namespace,access_token_key": true,
  "namespace,user_key": false,
  "namespace,created_at,id": false,
};

/** Whether every index is there: without a unique one, two records may have the same token. */
export function checkIndexes(found: readonly SqlIndex[]): Finding[] {
  const missing = Object.entries(INDEXES).filter(
    ([wanted, mustBeUnique]) =>
      !found.some(({ columns, isUnique }) => columns === wanted && (isUnique || !mustBeUnique)),
  );
  if (missing.length === 0) return [];
  return [
    finding(
      "schema-index-missing",
      `Missing: an index of ${missing.map(([name]) => `(${name})`).join(", ")}.`,
    ),
  ];
}

/** What a program needs on both tables. */
export const PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE"] as const;

/** The tables that adapters create by default. */
export const TABLES = ["tokenkeep", "tokenkeep_locks"] as const;
