import { codeOf } from "@tokenkeep/core/backend";
import { CLIENT_RULES, type SqlErrorRule } from "@tokenkeep/core/sql";

// https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html and MariaDB's. The order matters.
export const RULES: readonly SqlErrorRule[] = [
  {
    // A deadlock, a lock that was not free, a row or table that changed meanwhile: rolled back.
    codes: /^(1020|1205|1213|1412|1615)$/,
    code: "ERR_UNAVAILABLE",
    message: "other statements were in the way each time. Nothing was changed: try again.",
    retry: "again",
  },
  {
    codes: /^(1290|1792|1836)$/,
    code: "ERR_UNAVAILABLE",
    message: "the server is read-only. Nothing was changed: connect to the primary.",
    retry: "elsewhere",
  },
  {
    // A shutdown, a killed or idle connection, a broken network: the statement may have been committed.
    codes: /^(1053|1152|1158|1159|1160|1161|1184|1927|3169|4031)$/,
    code: "ERR_UNAVAILABLE",
    message: "the connection was lost. Check the server and try again.",
    uncertain: true,
  },
  {
    codes: /^(1040|1203|1226)$/,
    code: "ERR_UNAVAILABLE",
    message: "the server has no connection left. Lower connectionLimit, or raise the server's limit.",
  },
  {
    codes: /^(1044|1045|1129|1130|1142|1143|1227|1251|1370|1698|1820|1862|3118|3879)$/,
    code: "ERR_PERMISSION",
    message:
      "the server refuses this user. Check user and password, and the privileges that the README lists.",
  },
  {
    codes: /^(1049|1054|1146|1176)$/,
    code: "ERR_SCHEMA",
    message: "the database, a table or a column is missing. Check the url and the option table.",
  },
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
  {
    codes: /^HANDSHAKE_NO_SSL_SUPPORT$/,
    code: "ERR_INVALID_OPTIONS",
    message: "the server has no TLS. Turn it on there, or leave out ssl.",
  },
  ...CLIENT_RULES,
  {
    codes: /^Pool is closed/,
    code: "ERR_UNAVAILABLE",
    message: "the pool was ended. End it after the store is closed.",
    retryable: false,
  },
  {
    // Whatever else the server answered, it rolled back.
    codes: /^\d+$/,
    code: "ERR_UNAVAILABLE",
    message: "the server refused the statement. Nothing was changed; the cause says why.",
  },
];

interface DriverError {
  readonly errno?: unknown;
  readonly message?: unknown;
}

/** The server's number for an error, or 0. Node has negative numbers. */
export function errnoOf(error: unknown): number {
  const { errno } = (error ?? {}) as DriverError;
  return typeof errno === "number" && errno > 0 ? errno : 0;
}

/** The server's number, or the driver's code; the message of an error of mysql2's own, which has neither. */
export function codeOrMessage(error: unknown): string {
  const errno = errnoOf(error);
  if (errno > 0) return String(errno);
  const code = codeOf(error);
  const message = String(((error ?? {}) as DriverError).message ?? "");
  if (code === "HANDSHAKE_SSL_ERROR" && /certificate/i.test(message)) return "CERT";
  return code || message;
}
