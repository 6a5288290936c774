import { invalidOption } from "@tokenkeep/core";

/** MySQL's limit on an identifier, in characters. */
const MAX_IDENTIFIER = 64;

/**
 * Checks a name for a table. Any name will do that the server can have: quotes, dots and spaces too.
 * @param option the option's name, for the message
 * @param suffix what is put behind the name for a second table
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkTable(option: string, name: unknown, suffix = ""): string {
  const longest = MAX_IDENTIFIER - suffix.length;
  if (typeof name !== "string" || name === "" || [...name].length > longest) {
    throw invalidOption(`${option} must be a table's name of 1 to ${longest} characters.`);
  }
  // neither server can have these: NUL, characters beyond U+FFFF, a space at the end
  if (/[\0\u{d800}-\u{dfff}]|[\u{10000}-\u{10ffff}]|\s$/u.test(name)) {
    throw invalidOption(
      `${option} can't be a table's name: no NUL, no character beyond U+FFFF and no space at the end.`,
    );
  }
  // a prefix that old servers and MariaDB take for a file's raw name
  if (name.toLowerCase().startsWith("#mysql50#")) {
    throw invalidOption(
      `${option} can't begin with #mysql50#, which has a meaning of its own to the server.`,
    );
  }
  return name;
}

/** A name as it stands in a statement. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Where the leases are kept, beside the records. */
export const LOCKS_SUFFIX = "_locks";
