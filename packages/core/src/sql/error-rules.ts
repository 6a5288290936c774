import { codeOf, type ErrorRule } from "../errors.js";

/** What an error of a server's means. */
export interface SqlErrorRule extends ErrorRule {
  /**
   * For an error that shows that nothing was applied: the same statement may succeed in a moment, on any connection
   * (`again`), or on a new one alone (`elsewhere`), as after a failover.
   */
  readonly retry?: "again" | "elsewhere";
}

/** The codes by which a server and its driver report what every server reports: each tests a {@link codeOrMessage}. */
export interface ServerCodes {
  /** A deadlock, a serialization failure, a lock that was not free: the statement was rolled back. */
  readonly conflict: RegExp;
  /** The server, or the connection, is read-only. */
  readonly readOnly: RegExp;
  /** A shutdown, a killed or idle connection, a broken network: the statement may have been committed. */
  readonly lost: RegExp;
  /** The server accepts no further connection. */
  readonly full: RegExp;
  /** A wrong password, or a missing privilege. */
  readonly refused: RegExp;
  /** A database, schema, table or column that is not there. */
  readonly missing: RegExp;
  /** TLS was asked for, and the server has none. */
  readonly noTls: RegExp;
  /** The caller ended the pool. */
  readonly ended: RegExp;
  /** Whatever else the server answers: it rolled the statement back. */
  readonly otherAnswer: RegExp;
}

/**
 * The rules for the errors of a server and its driver. What none of them matches is taken for a lost connection.
 * @param codes how the server and the driver report what every server reports
 * @param own rules of this server alone, which come first
 * @returns the rules, in order
 */
export function serverRules(codes: ServerCodes, own: readonly SqlErrorRule[] = []): readonly SqlErrorRule[] {
  return [
    ...own,
    {
      codes: codes.conflict,
      code: "ERR_UNAVAILABLE",
      message: "other transactions were in the way each time. Nothing was changed: try again.",
      retry: "again",
    },
    {
      codes: codes.readOnly,
      code: "ERR_UNAVAILABLE",
      message: "the server is read-only. Nothing was changed: connect to the primary.",
      retry: "elsewhere",
    },
    {
      codes: codes.lost,
      code: "ERR_UNAVAILABLE",
      message: "the connection was lost. Check the server and try again.",
      uncertain: true,
    },
    {
      codes: codes.full,
      code: "ERR_UNAVAILABLE",
      message: "the server has no connection left. Make the pool smaller, or raise the server's limit.",
    },
    {
      codes: codes.refused,
      code: "ERR_PERMISSION",
      message:
        "the server refuses this user. Check user and password, and the privileges that the README lists.",
    },
    {
      codes: codes.missing,
      code: "ERR_SCHEMA",
      message: "the database, a schema, a table or a column is missing. Check the url and the options.",
    },
    {
      codes: codes.noTls,
      code: "ERR_INVALID_OPTIONS",
      message: "the server has no TLS. Turn it on there, or do not ask for it.",
    },
    {
      codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
      code: "ERR_INVALID_OPTIONS",
      message: "the server's certificate is for another host. Connect to a host that it names.",
    },
    {
      codes: /CERT|UNABLE_TO_|^ERR_(TLS|SSL|OSSL)/,
      code: "ERR_INVALID_OPTIONS",
      message: "the server's certificate was refused. Give the CA that signed it in clientOptions.ssl.ca.",
    },
    {
      codes: /^ERR_(SOCKET_BAD_PORT|INVALID_ARG|OUT_OF_RANGE)/,
      code: "ERR_INVALID_OPTIONS",
      message: "the driver refuses its options. Check the url and clientOptions.",
    },
    {
      codes: codes.ended,
      code: "ERR_UNAVAILABLE",
      message: "the pool was ended. End it after the store is closed.",
      retryable: false,
    },
    {
      codes: codes.otherAnswer,
      code: "ERR_UNAVAILABLE",
      message: "the server refused the statement. Nothing was changed; the cause says why.",
    },
  ];
}

/**
 * What tells errors apart.
 * @param error what the driver threw
 * @returns its code; the message of an error that a driver throws without one
 */
export function codeOrMessage(error: unknown): string {
  return codeOf(error) || String((error as { message?: unknown } | null | undefined)?.message ?? "");
}
