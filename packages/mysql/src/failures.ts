import { TokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";

/** A value of a unique index is taken. */
export const DUPLICATE = 1062;

/** The server undid the statement because of another: lock wait, deadlock, changed row, changed table. */
const UNDONE = new Set([1205, 1213, 1020, 1615]);
/** The connection is gone, and with it the reply. */
const LOST = new Set([
  "PROTOCOL_CONNECTION_LOST",
  "ECONNRESET",
  "EPIPE",
  "ER_SERVER_SHUTDOWN",
  "ER_CONNECTION_KILLED",
  "ER_CLIENT_INTERACTION_TIMEOUT",
]);
const CROWDED = new Set([1040, 1203, 1226]);
const DENIED = new Set([1044, 1045, 1142, 1143, 1227, 1251, 1370, 1698, 1820, 1862, 3118, 3879]);
const READ_ONLY = new Set([1290, 1792, 1836]);
const NO_SCHEMA = new Set([1054, 1146, 1176]);

interface DriverError {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly fatal?: unknown;
  readonly message?: unknown;
}

function parts(error: unknown): { errno: number; code: string; isFatal: boolean } {
  const { errno, code, fatal }: DriverError = typeof error === "object" && error !== null ? error : {};
  return {
    errno: typeof errno === "number" ? errno : 0,
    code: typeof code === "string" ? code : "",
    isFatal: fatal === true,
  };
}

/** The server's number for an error, or 0. */
export function errnoOf(error: unknown): number {
  return parts(error).errno;
}

/**
 * What may be done about an error at once: `undone`, nothing was changed and the statement may be sent
 * again; `crowded`, likewise once a connection is free; `lost`, it may have been carried out.
 */
export function kindOf(error: unknown): "undone" | "crowded" | "lost" | "other" {
  const { errno, code, isFatal } = parts(error);
  if (UNDONE.has(errno)) return "undone";
  if (CROWDED.has(errno)) return "crowded";
  if (LOST.has(code) || (isFatal && code === "")) return "lost";
  return "other";
}

/** Whether a connection that gave this error is of no more use. */
export function breaksConnection(error: unknown): boolean {
  const { errno, code, isFatal } = parts(error);
  // after a failover the old primary is read-only: the pool must find the new one
  return isFatal || LOST.has(code) || READ_ONLY.has(errno);
}

/** Says what an error of mysql2 or of the server means. */
export function explainError(error: unknown, schemaHint: string): TokenStoreError | undefined {
  const { errno, code } = parts(error);
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") {
    return failure("ERR_INVALID_OPTIONS", "the server has no TLS. Turn it on there, or leave out ssl");
  }
  if (code === "HANDSHAKE_SSL_ERROR" && /certificate/i.test(String((error as DriverError).message))) {
    return failure(
      "ERR_INVALID_OPTIONS",
      `the server's certificate was refused (${(error as DriverError).message}). Give the CA that signed it in ssl.ca`,
    );
  }
  if (DENIED.has(errno)) {
    return failure(
      "ERR_PERMISSION",
      "the server refuses this user. Check user and password, and the privileges that the README lists",
    );
  }
  if (READ_ONLY.has(errno)) {
    return failure("ERR_PERMISSION", "the server is read-only. Connect to the primary", true);
  }
  if (NO_SCHEMA.has(errno))
    return failure("ERR_SCHEMA", `the tables are not as they have to be. ${schemaHint}`);
  if (errno === 1049) {
    return failure("ERR_SCHEMA", "there is no such database. Create it, or name another one in the URL");
  }
  if (errno === 1059 || errno === 1103) {
    return failure("ERR_INVALID_OPTIONS", "the server can't have a table of this name. Choose a shorter one");
  }
  if (errno === 1153) {
    return failure("ERR_UNSUPPORTED", "the record is larger than max_allowed_packet. Raise it on the server");
  }
  if (errno === 1461) {
    return failure(
      "ERR_UNAVAILABLE",
      "the server has too many prepared statements. Raise max_prepared_stmt_count",
    );
  }
  if (CROWDED.has(errno)) {
    return failure(
      "ERR_UNAVAILABLE",
      "the server has no connection left. Lower connectionLimit, or raise its limit",
    );
  }
  if (UNDONE.has(errno)) {
    return failure("ERR_UNAVAILABLE", "other statements were in the way each time. Try again");
  }
  if (LOST.has(code)) {
    return failure(
      "ERR_UNAVAILABLE",
      "the connection was lost. A write may have been done all the same. Try again",
    );
  }
  return undefined;
}

function failure(code: TokenStoreErrorCode, what: string, retryable?: boolean): TokenStoreError {
  return new TokenStoreError(code, `mysql: ${what}.`, retryable === undefined ? {} : { retryable });
}
