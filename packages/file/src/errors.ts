import { TokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";
import { codeOf, type ErrorRule, isError, translateError } from "@tokenkeep/core/backend";
import type { LogError, LogErrorKind } from "./log/errors.js";

/** What the errors of the log mean. Their messages say what to do. */
const KINDS: Readonly<Record<LogErrorKind, TokenStoreErrorCode>> = {
  damaged: "ERR_CORRUPT",
  format: "ERR_SCHEMA",
  missing: "ERR_SCHEMA",
  gone: "ERR_UNAVAILABLE",
  changed: "ERR_UNAVAILABLE",
  busy: "ERR_UNAVAILABLE",
  unconfirmed: "ERR_UNAVAILABLE",
  fixed: "ERR_PERMISSION",
  access: "ERR_PERMISSION",
  "not-a-file": "ERR_INVALID_OPTIONS",
  closed: "ERR_STORE_CLOSED",
};

/** What the errors of the file system mean. */
const RULES: readonly ErrorRule[] = [
  {
    codes: /^(EACCES|EPERM|EROFS)$/,
    code: "ERR_PERMISSION",
    message: "this process needs to read and write the file and its directory. Change their owner or mode",
  },
  {
    codes: /^(ENOSPC|EDQUOT|EFBIG)$/,
    code: "ERR_UNAVAILABLE",
    message: "there is no room for another line. Nothing was saved. Make room and try again",
  },
  {
    codes: /^EBUSY$/,
    code: "ERR_INVALID_OPTIONS",
    message: "the file is mounted by itself, so that no other can replace it. Mount its directory",
  },
  {
    codes: /^(ENOTDIR|EISDIR|ENAMETOOLONG|ELOOP)$/,
    code: "ERR_INVALID_OPTIONS",
    message: "path can't be that of a file. Choose another",
  },
];

/** Translates an error of the log or of the file system. */
export function toStoreError(error: unknown): TokenStoreError | undefined {
  if (isLogError(error)) {
    return new TokenStoreError(KINDS[error.kind], `file: ${error.message}`, {
      uncertain: error.kind === "unconfirmed",
    });
  }
  const code = codeOf(error);
  const known = translateError("file", RULES, code);
  if (known === undefined) return undefined;
  const { path } = error as { path?: unknown };
  const where = typeof path === "string" ? `${code}: ${path}` : code;
  return new TokenStoreError(known.code, `${known.message} (${where}).`, { retryable: known.retryable });
}

function isLogError(error: unknown): error is LogError {
  return isError(error) && error.name === "LogError";
}
