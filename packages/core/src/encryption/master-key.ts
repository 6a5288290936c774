import { createHmac, createSecretKey } from "node:crypto";
import type { SecretKey } from "./key-material.js";

/** A key with its id. Shows nothing of itself when it is logged. */
export class MasterKey {
  readonly id: string;
  readonly #bytes: Buffer;

  constructor(id: string, bytes: Uint8Array) {
    this.id = id;
    this.#bytes = Buffer.from(bytes);
  }

  /** Whether another key has the same bytes. */
  hasBytesOf(other: MasterKey): boolean {
    return this.#bytes.equals(other.#bytes);
  }

  /** HKDF-Extract with SHA-256 (RFC 5869, section 2.2). */
  extract(salt: Uint8Array): SecretKey {
    // Node prepares a KeyObject once, and bytes for every use.
    return createSecretKey(createHmac("sha256", salt).update(this.#bytes).digest());
  }
}
