import { codeOf } from "@tokenkeep/core/backend";
import { CLIENT_RULES, type SqlErrorRule } from "@tokenkeep/core/sql";

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html. The order matters.
export const RULES: readonly SqlErrorRule[] = [
  {
    // A serialization failure, a deadlock, a lock that was not free: rolled back.
    codes: /^(40001|40P01|55P03)$/,
    code: "ERR_UNAVAILABLE",
    message: "other transactions were in the way each time. Nothing was changed: try again.",
    retry: "again",
  },
  {
    codes: /^25006$/,
    code: "ERR_UNAVAILABLE",
    message: "the server is read-only. Nothing was changed: connect to the primary.",
    retry: "elsewhere",
  },
  {
    // Ended by an administrator, a crash or a pooler: the statement may have been committed.
    codes: /^(08...|57P..)$/,
    code: "ERR_UNAVAILABLE",
    message: "the connection was lost. Check the server and try again.",
    uncertain: true,
  },
  {
    codes: /^(53300|53400)$/,
    code: "ERR_UNAVAILABLE",
    message: "the server has no connection left. Lower max in clientOptions, or raise max_connections.",
  },
  {
    codes: /^(28...|42501|SASL.*)$/s,
    code: "ERR_PERMISSION",
    message:
      "the server refuses this user. Check user and password, and the privileges that the README lists.",
  },
  {
    codes: /^(3D000|3F000|42P01|42703)$/,
    code: "ERR_SCHEMA",
    message: "the database, its schema, a table or a column is missing. Check the url and the option schema.",
  },
  {
    codes: /^The server does not support SSL/,
    code: "ERR_INVALID_OPTIONS",
    message: "the server has no TLS. Turn it on there, or leave out sslmode and ssl.",
  },
  ...CLIENT_RULES,
  {
    codes: /^Cannot use a pool after calling end/,
    code: "ERR_UNAVAILABLE",
    message: "the pool was ended. End it after the store is closed.",
    retryable: false,
  },
  {
    // Whatever else the server answered, it rolled back. EPIPE is Node's.
    codes: /^(?!E)[0-9A-Z]{5}$/,
    code: "ERR_UNAVAILABLE",
    message: "the server refused the statement. Nothing was changed; the cause says why.",
  },
];

/** The SQLSTATE, or Node's code; the message of an error of pg's own, which has none. */
export function codeOrMessage(error: unknown): string {
  return codeOf(error) || String((error as { message?: unknown } | null | undefined)?.message ?? "");
}
