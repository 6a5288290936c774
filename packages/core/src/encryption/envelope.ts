// The form of a sealed value. docs/encryption.md describes it byte by byte; its bytes never change.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { expand } from "./hkdf.js";
import type { SecretKey } from "./key-material.js";
import type { MasterKey } from "./master-key.js";

/** What a sealed value begins with. */
const SEALED = "tokenkeep1:";
/** What plaintext is written after that could be taken for a sealed value. */
const ESCAPE = "tokenkeep0:";
/** What plaintext must not begin with: these and the forms of later versions. */
const MARK = /^tokenkeep[0-9]:/;

const SALT_BYTES = 32;
const TAG_BYTES = 16;
// A key seals one value, so that no two values can meet under one nonce.
const NONCE = Buffer.alloc(12);

/** The parts of a sealed value. */
export interface Envelope {
  readonly keyId: string;
  /** Everything before the ciphertext, without the colon. Values that were saved together have the same. */
  readonly header: string;
  readonly salt: Buffer;
  readonly commitment: string;
  readonly ciphertext: string;
}

/** Whether a stored value is anything but plaintext as it is. */
function isMarked(value: string): boolean {
  return value.startsWith("tokenkeep") && MARK.test(value);
}

/** Plaintext as it is stored without encryption. */
export function escapePlaintext(plaintext: string): string {
  return isMarked(plaintext) ? ESCAPE + plaintext : plaintext;
}

/** The plaintext in a stored value that is not sealed; undefined in one that is, or that a later version wrote. */
export function plaintextIn(value: string): string | undefined {
  if (!isMarked(value)) return value;
  return value.startsWith(ESCAPE) ? value.slice(ESCAPE.length) : undefined;
}

/** The id of the key that a stored value names; null for plaintext, undefined where it names none. */
export function keyIdOf(value: string): string | null | undefined {
  if (plaintextIn(value) !== undefined) return null;
  const end = value.indexOf(":", SEALED.length);
  return value.startsWith(SEALED) && end > SEALED.length ? value.slice(SEALED.length, end) : undefined;
}

/**
 * Takes a sealed value apart.
 * @param value what is stored
 * @returns its parts; "unknown" where a later version wrote it; undefined where it is damaged
 */
export function parseEnvelope(value: string): Envelope | "unknown" | undefined {
  if (!value.startsWith(SEALED)) return "unknown";
  const [mark, keyId, salt, commitment, ciphertext, ...rest] = value.split(":");
  if (!keyId || salt === undefined || commitment === undefined || ciphertext === undefined) return undefined;
  if (rest.length > 0) return undefined;
  const saltBytes = Buffer.from(salt, "base64url");
  if (saltBytes.length !== SALT_BYTES) return undefined;
  return { keyId, header: `${mark}:${keyId}:${salt}:${commitment}`, salt: saltBytes, commitment, ciphertext };
}

/** The keys of values that are sealed together, by HKDF from the master key and one random salt. */
export class ValueKeys {
  readonly header: string;
  readonly commitment: string;
  readonly #pseudorandomKey: SecretKey;
  readonly #keys = new Map<string, Buffer>();

  private constructor(key: MasterKey, salt: Buffer) {
    this.#pseudorandomKey = key.extract(salt);
    this.commitment = expand(this.#pseudorandomKey, "tokenkeep1 commitment").toString("base64url");
    this.header = `${SEALED}${key.id}:${salt.toString("base64url")}:${this.commitment}`;
  }

  /** For a save, with a salt that was never used. */
  static create(key: MasterKey): ValueKeys {
    return new ValueKeys(key, randomBytes(SALT_BYTES));
  }

  /** For what was sealed with this salt. */
  static derive(key: MasterKey, salt: Buffer): ValueKeys {
    return new ValueKeys(key, salt);
  }

  /**
   * Seals one value with AES-256-GCM.
   * @param property the property that it is the value of: at most once for each of these keys
   * @param context what the value is bound to besides its property
   * @param plaintext the value
   */
  seal(property: string, context: string, plaintext: string): string {
    const cipher = createCipheriv("aes-256-gcm", this.#keyOf(property), NONCE, { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#additionalData(property, context));
    const ciphertext = cipher.update(plaintext, "utf8");
    cipher.final();
    return `${this.header}:${Buffer.concat([ciphertext, cipher.getAuthTag()]).toString("base64url")}`;
  }

  /**
   * Opens one value.
   * @returns the plaintext; undefined where anything differs from what was sealed
   */
  open(property: string, context: string, { header, ciphertext: text }: Envelope): string | undefined {
    const bytes = Buffer.from(text, "base64url");
    // Bits that base64 ignores must not differ either.
    if (header !== this.header || bytes.length < TAG_BYTES || bytes.toString("base64url") !== text)
      return undefined;
    const decipher = createDecipheriv("aes-256-gcm", this.#keyOf(property), NONCE, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(this.#additionalData(property, context));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const plaintext = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plaintext.toString("utf8");
  }

  #keyOf(property: string): Buffer {
    let key = this.#keys.get(property);
    if (key === undefined) {
      key = expand(this.#pseudorandomKey, `tokenkeep1 key ${property}`);
      this.#keys.set(property, key);
    }
    return key;
  }

  // The header holds the key's id, so that nobody can rename the key.
  #additionalData(property: string, context: string): Buffer {
    return Buffer.from(`${this.header}:${property}:${context}`);
  }
}
