import { type SqlErrorRule, serverRules } from "@tokenkeep/core/sql";

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html; otherwise the beginning of a message of pg.
export const RULES: readonly SqlErrorRule[] = serverRules({
  conflict: /^(40001|40P01|55P03)$/,
  readOnly: /^25006$/,
  lost: /^(08...|57P..)$/,
  full: /^(53300|53400)$/,
  refused: /^(28...|42501|SASL.*)$/s,
  missing: /^(3D000|3F000|42P01|42703)$/,
  noTls: /^The server does not support SSL/,
  ended: /^Cannot use a pool after calling end/,
  // EPIPE is Node's.
  otherAnswer: /^(?!E)[0-9A-Z]{5}$/,
});
