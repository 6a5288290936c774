/** What is shorter is no secret, and masking it would take letters out of every word. */
const MIN_SECRET = 4;

const MASK = "***";

// Control characters, and those that reorder or hide text on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Makes a provider's text safe to log: secrets masked, control characters escaped, shortened.
 * @param text what the provider wrote
 * @param secrets what was sent and received
 * @param maxLength how many characters may remain
 * @returns the safe text
 */
export function safeText(text: string, secrets: Iterable<string>, maxLength: number = 200): string {
  // a secret that was cut off by our own limit would no longer be recognised, so mask first
  const masked = maskSecrets(text, secrets).replace(UNPRINTABLE, escapeCharacter);
  return masked.length > maxLength ? `${masked.slice(0, maxLength)}…` : masked;
}

function maskSecrets(text: string, secrets: Iterable<string>): string {
  const all = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET) continue;
    all.add(secret);
    all.add(encodeURIComponent(secret.toWellFormed()));
    all.add(JSON.stringify(secret).slice(1, -1));
  }
  // longest first, so that a secret which contains another leaves no remainder
  const longestFirst = [...all].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Collects the texts of an answer that may be secrets: every string that isn't an error's.
 * @param value the parsed body
 * @returns the strings
 */
export function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => (name.startsWith("error") ? [] : stringsIn(part)));
}
