import { setTimeout as sleep } from "node:timers/promises";
import type { MaybePromise } from "../backend.js";
import { TokenStoreError } from "../errors.js";
import { Asking } from "./asking.js";
import { HOW_TO_MAKE_ONE, type KeyMaterial, keyBytes } from "./key-material.js";
import { MasterKey } from "./master-key.js";
import { type CheckedEncryption, type EncryptionKey, keysProblem } from "./options.js";

/** A list of keys that lacks a key is not asked for again for this long, in milliseconds. */
const UNKNOWN_KEY_MS = 30_000;
/** A list of this age is asked for again before something is sealed, in milliseconds. */
const STALE_MS = 300_000;
/** How long a seal waits for a newer list while it has an old one, in milliseconds. */
const PATIENCE_MS = 1_000;

/** The keys of a store. A known key is returned at once, so that a synchronous backend stays synchronous. */
export class Keyring {
  readonly #timeoutMs: number;
  readonly #list: Asking<readonly EncryptionKey[]> | undefined;
  #entries: readonly Entry[] = [];

  constructor({ keys, keyTimeoutMs }: CheckedEncryption) {
    this.#timeoutMs = keyTimeoutMs;
    if (typeof keys === "function") {
      this.#list = new Asking("The function that returns the keys", keys, keyTimeoutMs);
    } else {
      this.#take(keys);
    }
  }

  /** Whether some key is still to be asked for. */
  get isComplete(): boolean {
    return this.#entries.length > 0 && this.#entries.every(({ source }) => source.known !== undefined);
  }

  /** The keys that are known by now. */
  get known(): MasterKey[] {
    return this.#entries.flatMap(({ source }) => source.known ?? []);
  }

  /** Asks for every key, so that calls find them known. What fails is left to the call that needs it. */
  async warm(): Promise<void> {
    if (this.#list !== undefined) await this.#refresh().catch(() => {});
    await Promise.allSettled(this.#entries.map(async ({ source }) => source.get()));
  }

  /**
   * The key with this id.
   * @throws TokenStoreError `ERR_KEY` where there is none, or its function failed
   */
  get(id: string): MaybePromise<MasterKey> {
    const source = this.#find(id);
    if (source !== undefined) return source.get();
    if (this.#list === undefined || this.#list.ageMs < UNKNOWN_KEY_MS) throw unknownKey(id);
    return this.#refresh().then(() => {
      const found = this.#find(id);
      if (found === undefined) throw unknownKey(id);
      return found.get();
    });
  }

  /**
   * The key that seals.
   * @returns the key, or null where every key only opens
   * @throws TokenStoreError `ERR_KEY` where a function failed
   */
  sealing(): MaybePromise<MasterKey | null> {
    const list = this.#list;
    if (list === undefined || list.ageMs < STALE_MS) return this.#first();
    if (this.#entries.length === 0) return this.#refresh().then(() => this.#first());
    return this.#sealingFromOldList(list);
  }

  /** An old list is better than none, so a function that fails or hangs holds nobody up for long. */
  #sealingFromOldList(list: Asking<unknown>): MaybePromise<MasterKey | null> {
    const newer = list.sinceAskedMs >= UNKNOWN_KEY_MS ? this.#refresh().catch(() => {}) : undefined;
    const patienceMs = PATIENCE_MS - list.sinceAskedMs;
    if (patienceMs <= 0) return this.#first();
    const cancel = new AbortController();
    const waited = sleep(patienceMs, undefined, { signal: cancel.signal }).catch(() => {});
    return Promise.race([newer ?? this.#refresh().catch(() => {}), waited]).then(() => {
      cancel.abort();
      return this.#first();
    });
  }

  #first(): MaybePromise<MasterKey | null> {
    return this.#entries.find(({ seals }) => seals)?.source.get() ?? null;
  }

  #find(id: string): Source | undefined {
    return this.#entries.find(({ source }) => source.id === id)?.source;
  }

  async #refresh(): Promise<void> {
    const keys = await this.#list!.ask();
    const problem = keysProblem(keys);
    if (problem !== undefined)
      throw keyError(`The function that returns the keys returned wrong ones. ${problem}`);
    this.#take(keys);
  }

  /** A key that is known already stays, so that its function is not called again. */
  #take(keys: readonly EncryptionKey[]): void {
    this.#entries = keys.map(({ id, key, seal }) => {
      const source = new Source(id, key, this.#timeoutMs);
      const before = this.#find(id);
      if (before?.known !== undefined && source.known?.hasBytesOf(before.known) === false) {
        throw keyError(
          `The key ${JSON.stringify(id)} has other bytes than before. A new key needs a new id.`,
        );
      }
      return { seals: seal !== false, source: before ?? source };
    });
  }
}

interface Entry {
  readonly source: Source;
  readonly seals: boolean;
}

/** Where the bytes of one key are from. */
class Source {
  readonly id: string;
  known: MasterKey | undefined;
  readonly #asking: Asking<KeyMaterial> | undefined;

  constructor(id: string, key: EncryptionKey["key"], timeoutMs: number) {
    this.id = id;
    if (typeof key === "function") {
      this.#asking = new Asking(`The function of the key ${JSON.stringify(id)}`, () => key(id), timeoutMs);
    } else {
      this.known = toKey(id, key);
    }
  }

  get(): MaybePromise<MasterKey> {
    return this.known ?? this.#ask();
  }

  async #ask(): Promise<MasterKey> {
    const material = await this.#asking!.ask();
    this.known ??= toKey(this.id, material);
    return this.known;
  }
}

function toKey(id: string, material: KeyMaterial): MasterKey {
  const bytes = keyBytes(material);
  if (typeof bytes !== "string") return new MasterKey(id, bytes);
  throw keyError(`The key ${JSON.stringify(id)} is refused. Found: ${bytes}. ${HOW_TO_MAKE_ONE}`);
}

function unknownKey(id: string): TokenStoreError {
  return keyError(
    `The key ${JSON.stringify(id)}, which sealed this record, is not among the keys. Add it, with seal: false if it ` +
      "is an old one. Nothing was changed.",
  );
}

function keyError(message: string): TokenStoreError {
  return new TokenStoreError("ERR_KEY", message);
}
