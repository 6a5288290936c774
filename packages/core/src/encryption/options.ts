import type { MaybePromise } from "../backend.js";
import { checkMs, checkOptionNames, invalidOption } from "../options.js";
import { HOW_TO_MAKE_ONE, type KeyMaterial, keyBytes, keyIdProblem } from "./key-material.js";

/** A key. */
export interface EncryptionKey {
  /** Names the key in what it seals: 1 to 64 letters, digits, ".", "_" or "-". Never give another key this id. */
  readonly id: string;
  /** Its 32 bytes, or a function that fetches them: called once, with the id, and again only after it failed. */
  readonly key: KeyMaterial | ((id: string) => MaybePromise<KeyMaterial>);
  /** False for a key that only opens. The first key that seals seals everything. */
  readonly seal?: boolean | undefined;
}

/** The option `encryption` of every store: secrets and metadata are sealed before the backend gets them. */
export interface EncryptionOptions {
  /**
   * The keys, or a function that returns them: called when the store opens, when an unknown key id turns up
   * (at most once in 30 s), and before a seal when the last answer is five minutes old.
   */
  readonly keys: readonly EncryptionKey[] | (() => MaybePromise<readonly EncryptionKey[]>);
  /** Whether plaintext secrets are refused with `ERR_KEY`; by default they are read, and sealed at their next save. */
  readonly requireEncrypted?: boolean | undefined;
  /** How long one call of a key function may take, in milliseconds; 5,000 by default. */
  readonly keyTimeoutMs?: number | undefined;
}

/** {@link EncryptionOptions}, checked. */
export interface CheckedEncryption {
  /** The keys, copied, or the function that returns them. */
  readonly keys: EncryptionOptions["keys"];
  /** Whether plaintext is refused. */
  readonly requireEncrypted: boolean;
  /** In milliseconds. */
  readonly keyTimeoutMs: number;
}

/**
 * Checks the option `encryption`.
 * @param options what the caller gave
 * @returns the options with their defaults, and with copies of the keys
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`, which never shows a key
 */
export function checkEncryption(options: EncryptionOptions): CheckedEncryption {
  checkOptionNames("encryption", options, ["keys", "requireEncrypted", "keyTimeoutMs"]);
  const { keys, requireEncrypted = false } = options;
  if (typeof requireEncrypted !== "boolean") throw invalidOption("requireEncrypted must be true or false.");
  const problem = typeof keys === "function" ? undefined : keysProblem(keys);
  if (problem !== undefined) throw invalidOption(`encryption.keys: ${problem}`);
  if (typeof keys !== "function" && requireEncrypted && !keys.some(({ seal }) => seal !== false)) {
    throw invalidOption("requireEncrypted needs a key that seals: every key has seal: false.");
  }
  return {
    keys: typeof keys === "function" ? keys : copyKeys(keys),
    requireEncrypted,
    keyTimeoutMs: checkMs("encryption.keyTimeoutMs", options.keyTimeoutMs ?? 5_000),
  };
}

/**
 * What is wrong with a list of keys. Keys that a function fetches can't be checked yet.
 * @param keys what the caller, or the caller's function, gave
 * @returns a sentence or two that show no key, or undefined where the list will do
 */
export function keysProblem(keys: unknown): string | undefined {
  if (!Array.isArray(keys) || keys.length === 0) {
    return `There must be an array of { id, key }, or a function that returns one. ${HOW_TO_MAKE_ONE}`;
  }
  const ids = new Set<unknown>();
  for (const entry of keys as Partial<EncryptionKey>[]) {
    if (typeof entry !== "object" || entry === null) return "Each key must be an object { id, key }.";
    const unknown = Object.keys(entry).find((name) => !["id", "key", "seal"].includes(name));
    if (unknown !== undefined) return `A key has id, key and seal, not ${JSON.stringify(unknown)}.`;
    const { id, key, seal } = entry;
    const idProblem = keyIdProblem(id);
    if (idProblem !== undefined) return `${idProblem}.`;
    const name = JSON.stringify(id);
    if (ids.has(id)) return `The id ${name} is there twice.`;
    ids.add(id);
    if (seal !== undefined && typeof seal !== "boolean")
      return `seal of the key ${name} must be true or false.`;
    if (typeof key === "function") continue;
    const bytes = keyBytes(key);
    if (typeof bytes === "string") return `The key ${name} is refused. Found: ${bytes}. ${HOW_TO_MAKE_ONE}`;
  }
  return undefined;
}

/** Bytes that the caller changes later, to wipe them for example, must not change the key. */
function copyKeys(keys: readonly EncryptionKey[]): EncryptionKey[] {
  return keys.map(({ id, key, seal }) => ({
    id,
    key: typeof key === "function" ? key : (keyBytes(key) as Buffer),
    seal,
  }));
}
