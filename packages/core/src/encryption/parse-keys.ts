import { createSecretKey } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import type { TokenStoreError } from "../errors.js";
import { invalidOption } from "../options.js";
import { HOW_TO_MAKE_ONE, keyBytes, keyIdProblem } from "./key-material.js";
import type { EncryptionKey } from "./options.js";

const FORM =
  "Keys are written id:base64, several with commas between them and no spaces; id:base64:open is a key that only opens.";

/**
 * Reads keys from text: `2026-11:BASE64,2026-05:BASE64`. The first that is not marked `:open` seals. What differs
 * from this form at all is refused.
 * @param text the keys
 * @param where where the text is from, for messages
 * @returns the keys, for the option `encryption.keys`
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` that says what was found, without showing it
 */
export function parseKeys(text: string, where: string = "The text"): EncryptionKey[] {
  if (typeof text !== "string") throw refuse(where, `is ${text === undefined ? "not set" : typeof text}`);
  if (text === "") throw refuse(where, "is empty");
  if (/^["'`]|["'`]$/.test(text)) throw refuse(where, "is in quotes: leave them out");
  if (/\n$/.test(text)) throw refuse(where, "ends with a line break: leave it out, as printf '%s' does");
  if (/\s/.test(text)) throw refuse(where, "has spaces or line breaks in it");
  const keys = text.split(",").map((entry, index) => parseEntry(entry, `${where}, key ${index + 1},`));
  const ids = new Set<string>();
  for (const { id } of keys) {
    if (ids.has(id)) throw refuse(where, `has the id ${JSON.stringify(id)} twice`);
    ids.add(id);
  }
  return keys;
}

/**
 * Reads keys from an environment variable, in the form of {@link parseKeys}.
 * @param name the variable
 * @returns the keys, for the option `encryption.keys`
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function keysFromEnvironment(name: string = "TOKENKEEP_KEYS"): EncryptionKey[] {
  if (typeof name !== "string") throw invalidOption("The name of the environment variable must be a string.");
  return parseKeys(process.env[name] as string, `The environment variable ${name}`);
}

/**
 * Reads keys from a file, in the form of {@link parseKeys}. Only its owner may be able to read it (mode 0600 or
 * 0400). On Windows, where files have no such mode, that is not checked.
 * @param path the file
 * @returns the keys, for the option `encryption.keys`
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function keysFromFile(path: string): EncryptionKey[] {
  const where = `The key file ${JSON.stringify(path)}`;
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw refuse(where, `can't be opened (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw refuse(where, "is not a file");
    const mode = stat.mode & 0o777;
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const octal = mode.toString(8).padStart(4, "0");
      throw refuse(
        where,
        `can be read by others (mode ${octal}): chmod 600 it, and use new keys if others had access`,
      );
    }
    return parseKeys(readFileSync(file, "utf8"), where);
  } finally {
    closeSync(file);
  }
}

function parseEntry(entry: string, where: string): EncryptionKey {
  const [id = "", text, flag, ...rest] = entry.split(":");
  if (text === undefined) {
    const found = keyBytes(entry);
    throw refuse(where, typeof found === "string" ? `has no id. Found: ${found}` : "has no id");
  }
  const problem = keyIdProblem(id);
  if (problem !== undefined) throw refuse(where, `is refused: ${problem}`);
  if ((flag !== undefined && flag !== "open") || rest.length > 0) {
    throw refuse(where, `(${id}) has something after the key that is not ":open"`);
  }
  const bytes = keyBytes(text);
  if (typeof bytes === "string") throw refuse(where, `(${id}) is refused. Found: ${bytes}`);
  // A KeyObject, since it shows nothing when it is logged.
  return { id, key: createSecretKey(bytes), seal: flag === undefined };
}

function refuse(where: string, what: string): TokenStoreError {
  return invalidOption(`${where} ${what}. ${FORM} ${HOW_TO_MAKE_ONE}`);
}
