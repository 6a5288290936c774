import { createHmac, type KeyObject } from "node:crypto";
import type { SecretKey } from "./key-material.js";
import type { MasterKey } from "./master-key.js";

/** HKDF-Expand with SHA-256, for one block of 32 bytes (RFC 5869, section 2.3). */
export function expand(pseudorandomKey: SecretKey, info: string): Buffer {
  return createHmac("sha256", pseudorandomKey as KeyObject)
    .update(`${info}\x01`)
    .digest();
}

/**
 * A value by which a key is recognised: other bytes have another one. It says nothing about the bytes, and is
 * another in each namespace.
 */
export function checkValueOf(key: MasterKey, namespace: string): string {
  const pseudorandomKey = key.extract(Buffer.from("tokenkeep1 check"));
  return expand(pseudorandomKey, `${key.id}:${namespace}`).toString("base64url");
}
