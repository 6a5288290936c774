import { randomBytes } from "node:crypto";
import type { EncryptionOptions, TokenInput } from "@tokenkeep/core";

type NamedToken = TokenInput & { userSignature: { name: string } };

/** The token of user number `i`, of a real one's size: 446 bytes as JSON. */
export function tokenOf(i: number, version = 0): NamedToken {
  return {
    userSignature: { name: `user${i}@example.com:${700_000_000 + i}` },
    clientId: "1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
    clientSecret: "0123456789abcdef0123456789abcdef0123456789",
    redirectUrl: "https://example.com/oauth/callback",
    refreshToken: `1000.refresh${i}.0123456789abcdef0123456789abcdef`,
    apiDomain: "https://api.example.com",
    ...changesOf(i, version),
  };
}

/** What a refresh changes. */
export function changesOf(i: number, version: number): { accessToken: string; expiresAt: number } {
  return {
    accessToken: `1000.access${i}.${version}.0123456789abcdef0123456789abcdef`,
    expiresAt: 2_000_000_000_000 + version,
  };
}

const queries: NamedToken[] = [];

/** What a program asks for: the token of a user under its client. Made once, so as not to be measured. */
export function queryOf(i: number): NamedToken {
  const made = queries[i];
  if (made !== undefined) return made;
  const { userSignature, clientId } = tokenOf(i);
  const query = { userSignature, clientId };
  queries[i] = query;
  return query;
}

/** Encryption with a key that is forgotten with the process. */
export const ENCRYPTION: EncryptionOptions = { keys: [{ id: "bench", key: randomBytes(32) }] };
