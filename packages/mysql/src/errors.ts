import { codeOrMessage, type SqlErrorRule, serverRules } from "@tokenkeep/core/sql";

// https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html and MariaDB's; otherwise the code of an error
// of mysql2, or the beginning of its message.
export const RULES: readonly SqlErrorRule[] = serverRules(
  {
    // A row or table that changed meanwhile, too.
    conflict: /^(1020|1205|1213|1412|1615)$/,
    readOnly: /^(1290|1792|1836)$/,
    lost: /^(1053|1152|1158|1159|1160|1161|1184|1927|3169|4031)$/,
    full: /^(1040|1203|1226)$/,
    refused: /^(1044|1045|1129|1130|1142|1143|1227|1251|1370|1698|1820|1862|3118|3879)$/,
    missing: /^(1049|1054|1146|1176)$/,
    noTls: /^HANDSHAKE_NO_SSL_SUPPORT$/,
    ended: /^Pool is closed/,
    otherAnswer: /^\d+$/,
  },
  [
    {
      codes: /^(1059|1103)$/,
      code: "ERR_INVALID_OPTIONS",
      message: "the server can't have a table of this name. Choose a shorter one.",
    },
    {
      codes: /^3988$/,
      code: "ERR_INVALID_OPTIONS",
      message: "text can't be sent: the connections must have the charset utf8mb4. Set it on the pool.",
    },
    {
      codes: /^1153$/,
      code: "ERR_UNSUPPORTED",
      message: "the record is larger than max_allowed_packet. Raise it on the server.",
    },
    {
      codes: /^1461$/,
      code: "ERR_UNAVAILABLE",
      message: "the server has too many prepared statements. Raise max_prepared_stmt_count.",
    },
  ],
);

/** The server's number for an error, or 0. Node has negative numbers. */
export function errnoOf(error: unknown): number {
  const { errno } = (error ?? {}) as { errno?: unknown };
  return typeof errno === "number" && errno > 0 ? errno : 0;
}

/** What the rules compare: the server's number before anything else. */
export function numberOrCode(error: unknown): string {
  const code = String(errnoOf(error) || codeOrMessage(error));
  const isCertificate = code === "HANDSHAKE_SSL_ERROR" && /certificate/i.test((error as Error).message);
  return isCertificate ? "CERT" : code;
}
