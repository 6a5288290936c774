import type { TokenInput } from "@tokenkeep/core";

/** The properties that hold any text. */
export const TEXT_PROPERTIES = [
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "accessToken",
  "scope",
  "tokenType",
  "idToken",
  "apiDomain",
  "issuer",
] as const;

/** The properties that logs and JSON mask. */
export const SECRETS = ["clientSecret", "grantToken", "refreshToken", "accessToken", "idToken"] as const;

/** The times that a caller can give. */
export const TIMES = ["expiresAt", "refreshTokenExpiresAt"] as const;

/** The three kinds of token value. */
export const TOKEN_KINDS = ["grantToken", "refreshToken", "accessToken"] as const;

/** A token with every property that a caller can give except the id. Another `tag` changes every value. */
export function whole(tag: string): TokenInput & { userSignature: { name: string } } {
  const seconds = [...tag].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0);
  return {
    userSignature: { name: `${tag}@example.com` },
    clientId: `client-${tag}`,
    clientSecret: `secret-${tag}`,
    redirectUrl: `https://example.com/${tag}`,
    grantToken: `grant-${tag}`,
    refreshToken: `refresh-${tag}`,
    refreshTokenExpiresAt: 1_924_992_000_456 + seconds * 1000,
    accessToken: `access-${tag}`,
    expiresAt: 1_893_456_000_123 + seconds * 1000,
    scope: `read write:${tag}`,
    tokenType: `Bearer-${tag}`,
    idToken: `id-token-${tag}`,
    apiDomain: `https://api.example/${tag}`,
    issuer: `https://issuer.example/${tag}`,
    refreshState: { tag, failures: 1 },
    metadata: { tag, nested: { list: [1, null, "two", true] } },
  };
}

/** Text that a careless store would interpret. */
export const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ["single quotes", "O'Brien''s"],
  ["double quotes and backslashes", 'a"b\\"c\\\\'],
  ["SQL in quotes", "' OR '1'='1"],
  ["SQL after a semicolon", "x'; DELETE FROM tokens; --"],
  ["placeholders", "a?b=$1&c=:name&d=@name&e=%s&f={}"],
  ["LIKE patterns", "%_%"],
  ["Lua", '"]] redis.call("FLUSHALL") --[['],
  ["JSON", '{"a":[1,null]}'],
  ["CSV", 'a,"b",\r\nc;d\te'],
  ["newlines", "\na\r\nb\r"],
  ["globs", "*?[a-z]{b}"],
  ["paths", "../../etc/passwd"],
  ["a MongoDB operator", '{"$gt":""}'],
  ["a field path", "$where.a.b"],
  ["a null character", "a\0b\0"],
  ["spaces around", "  a  "],
  ["one space", " "],
  ["4-byte characters", "🔑𝒳👩‍👩‍👧"],
  ["combining marks", "e\u0301 \u00e9"],
  ["characters without width", "\ufeffa\u200b\u200d"],
  ["right-to-left text", "\u202eabc \u05d0\u05d1"],
  ["control characters", "\x01\x07\x1b[31m\x7f"],
  ["a property of every object", "__proto__"],
  ["the word null", "null"],
  ["a number", "007"],
  ["the last code point", "\u{10ffff}\uffff"],
  ["a surrogate pair's edges", "\ud7ff\ue000"],
];

/** Pairs of text that differ, although some collation or trimming makes them equal. */
export const LOOKALIKES: readonly (readonly [what: string, one: string, other: string])[] = [
  ["case", "1000.abcDEF", "1000.ABCdef"],
  ["an accent", "jose", "jos\u00e9"],
  ["normal forms", "\u00e9", "e\u0301"],
  ["a trailing space", "token", "token "],
  ["a leading space", "token", " token"],
  ["a trailing newline", "token", "token\n"],
  ["a null character", "token", "token\0"],
  ["what follows a null character", "token\0a", "token\0b"],
  ["width", "A", "\uff21"],
  ["ß and ss", "stra\u00dfe", "strasse"],
  ["a character without width", "token", "to\u200bken"],
  ["the Turkish i", "i", "\u0131"],
  ["4-byte characters", "🔑", "🔒"],
  ["numbers as text", "10", "10.0"],
  ["leading zeros", "7", "007"],
];
