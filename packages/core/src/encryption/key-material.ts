import { KeyObject, randomBytes } from "node:crypto";
import { invalidOption } from "../options.js";

/** The used part of a secret `KeyObject` of `node:crypto`, whose types a project may not have. */
export interface SecretKey {
  /** `secret`. */
  readonly type: string;
  /**
   * Gives the bytes.
   * @returns the bytes of the key
   */
  export(): Uint8Array;
}

/** The bytes of a key: 32 bytes, their base64 (44 characters), or a secret `KeyObject`. */
export type KeyMaterial = Uint8Array | string | SecretKey;

/** The length of a key, in bytes. */
export const KEY_BYTES = 32;

/** What every refusal of a key ends with. */
export const HOW_TO_MAKE_ONE =
  'A key is 32 random bytes in base64, 44 characters. Make one with "tokenkeep keygen" or "openssl rand -base64 32".';

const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * What is wrong with a key's id.
 * @param id what the caller gave
 * @returns a few words, or undefined where it will do
 */
export function keyIdProblem(id: unknown): string | undefined {
  if (typeof id === "string" && KEY_ID.test(id)) return undefined;
  return 'the id of a key must be 1 to 64 letters, digits, ".", "_" or "-", such as "2026-11"';
}

/**
 * The bytes of a key. A key of the wrong shape is refused, never hashed into shape: a typing error would make
 * another key.
 * @param material what the caller gave
 * @returns 32 bytes of its own, or what was found instead of a key, without showing it
 */
export function keyBytes(material: unknown): Uint8Array | string {
  if (typeof material === "string") return checkBytes(fromText(material));
  if (material instanceof Uint8Array) return checkBytes(fromBytes(material));
  if (material instanceof KeyObject) {
    if (material.type !== "secret") return `a ${material.type} KeyObject instead of a secret one`;
    return checkBytes(fromBytes(material.export()));
  }
  if (material === undefined) return "undefined: is it set?";
  return `${material === null ? "null" : typeof material} instead of a Buffer, base64 or a KeyObject`;
}

/**
 * One entry of the form that {@link parseKeys} reads, with a new random key.
 * @param id the key's id, such as "2026-11"
 * @returns `id:base64`
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function generateKey(id: string): string {
  const problem = keyIdProblem(id);
  if (problem !== undefined) throw invalidOption(`${problem}.`);
  return `${id}:${randomBytes(KEY_BYTES).toString("base64")}`;
}

function fromText(text: string): Buffer | string {
  if (/^["'`]|["'`]$/.test(text)) return "quotes around it: leave them out";
  if (/\r?\n$/.test(text)) return "a line break at its end: leave it out";
  if (/\s/.test(text)) return "spaces or line breaks in it";
  if (text === "") return "nothing: it is empty";
  if (/^(0x)?([0-9a-f]{2})+$/i.test(text) && text.length >= 32) return "hexadecimal digits instead of base64";
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    return 'base64 in another form: write it with "+", "/" and the "=" at its end';
  }
  return `${text.length} characters that are not base64; a passphrase is not a key`;
}

function fromBytes(bytes: Uint8Array): Buffer | string {
  const copy = Buffer.from(bytes);
  const text = copy.toString("latin1");
  if (bytes.length === 44 && Buffer.from(text, "base64").length === KEY_BYTES) {
    return "44 bytes, which are base64 that was not decoded";
  }
  if (bytes.length === 64 && /^[0-9a-f]+$/i.test(text)) {
    return "64 bytes, which are hexadecimal digits that were not decoded";
  }
  return copy;
}

function checkBytes(bytes: Buffer | string): Buffer | string {
  if (typeof bytes === "string") return bytes;
  if (bytes.length !== KEY_BYTES) return `${bytes.length} bytes instead of ${KEY_BYTES}`;
  if (bytes.every((byte) => byte === 0)) return "32 zero bytes";
  return bytes;
}
