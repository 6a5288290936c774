import { hash } from "node:crypto";

/**
 * An opaque key for some text: 43 characters of base64url (a SHA-256), the same for the same parts
 * everywhere. A value can't be read back from it.
 * @param parts what makes the key; null counts as a part of its own
 * @returns the key
 */
export function opaqueKey(...parts: readonly (string | null)[]): string {
  let text = "";
  // each part with its length in front, so that no two lists of parts make the same text
  for (const part of parts) text += part === null ? "-" : `${part.length}:${part}`;
  return hash("sha256", text, "base64url");
}
