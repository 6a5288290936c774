import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

/** A key with its id. Shows nothing of itself when it is logged. */
export class MasterKey {
  readonly id: string;
  readonly #bytes: Buffer;

  constructor(id: string, bytes: Buffer) {
    this.id = id;
    this.#bytes = bytes;
  }

  /** Whether another key has the same bytes. */
  hasBytesOf(other: MasterKey): boolean {
    return this.#bytes.equals(other.#bytes);
  }

  /** HKDF-Extract with SHA-256 (RFC 5869, section 2.2). */
  extract(salt: Uint8Array): KeyObject {
    // Node prepares a KeyObject once, and bytes for every use.
    return createSecretKey(createHmac("sha256", salt).update(this.#bytes).digest());
  }
}

/** HKDF-Expand with SHA-256, for one block of 32 bytes (RFC 5869, section 2.3). */
export function expand(pseudorandomKey: KeyObject, info: string): Buffer {
  return createHmac("sha256", pseudorandomKey).update(`${info}\x01`).digest();
}

/**
 * A value by which a key is recognised: other bytes have another one. It says nothing about the bytes, and is
 * another in each namespace.
 */
export function checkValueOf(key: MasterKey, namespace: string): string {
  const pseudorandomKey = key.extract(Buffer.from("tokenkeep1 check"));
  return expand(pseudorandomKey, `${key.id}:${namespace}`).toString("base64url");
}
