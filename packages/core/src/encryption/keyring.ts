import type { MaybePromise } from "../backend.js";
import { isPromise } from "../deadline.js";
import { redact, TokenStoreError } from "../errors.js";
import { HOW_TO_MAKE_ONE, keyBytes } from "./key-material.js";
import { MasterKey } from "./master-key.js";
import { type CheckedEncryption, type EncryptionKey, keysProblem } from "./options.js";

/** A function that failed is not called again before this time is over, in milliseconds. */
const RETRY_MS = 1_000;
/** A list of keys that lacks a key is not asked for again before this time is over, in milliseconds. */
const UNKNOWN_KEY_MS = 30_000;
/** A list of keys of this age is asked for again before something is sealed, in milliseconds. */
const STALE_MS = 300_000;

/** The keys of a store. What is known already is returned at once, so that a synchronous backend stays so. */
export class Keyring {
  readonly #timeoutMs: number;
  readonly #askForKeys: (() => MaybePromise<readonly EncryptionKey[]>) | undefined;
  #entries: readonly Entry[] = [];
  #list: Asking<readonly EncryptionKey[]> | undefined;

  constructor({ keys, keyTimeoutMs }: CheckedEncryption) {
    this.#timeoutMs = keyTimeoutMs;
    if (typeof keys === "function") {
      this.#askForKeys = keys;
      this.#list = new Asking("The function that returns the keys", () => keys(), keyTimeoutMs);
    } else {
      this.#take(keys);
    }
  }

  /** Asks for every key, so that later calls find them known. Failures are left to the call that needs the key. */
  warm(): MaybePromise<void> {
    const list = this.#list?.isStale(STALE_MS) ? settled(this.#refresh()) : undefined;
    const ask = () => {
      const waits = this.#entries.map((entry) => settled(attempt(() => entry.get()))).filter(isPromise);
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
    };
    return isPromise(list) ? list.then(ask) : ask();
  }

  /** The keys that are known by now. */
  get known(): MasterKey[] {
    return this.#entries.flatMap(({ known }) => known ?? []);
  }

  /**
   * The key with this id.
   * @throws TokenStoreError `ERR_KEY` where there is none, or its function failed
   */
  get(id: string): MaybePromise<MasterKey> {
    const entry = this.#entries.find((each) => each.id === id);
    if (entry !== undefined) return entry.get();
    if (this.#list === undefined || !this.#list.isStale(UNKNOWN_KEY_MS)) throw unknownKey(id);
    const refreshed = this.#refresh();
    const find = () => {
      const found = this.#entries.find((each) => each.id === id);
      if (found === undefined) throw unknownKey(id);
      return found.get();
    };
    return isPromise(refreshed) ? refreshed.then(find) : find();
  }

  /**
   * The key that seals.
   * @returns the key, or null where every key only opens
   * @throws TokenStoreError `ERR_KEY` where a function failed
   */
  sealing(): MaybePromise<MasterKey | null> {
    const first = () => this.#entries.find(({ seals }) => seals)?.get() ?? null;
    if (this.#list === undefined || !this.#list.isStale(STALE_MS)) return first();
    const refreshed = attempt(() => this.#refresh());
    if (!isPromise(refreshed)) return first();
    // A list that is old is better than none.
    return refreshed.then(first, (error) => {
      if (this.#entries.length === 0) throw error;
      return first();
    });
  }

  #refresh(): MaybePromise<void> {
    const keys = this.#list!.ask();
    const take = (list: readonly EncryptionKey[]) => {
      const problem = keysProblem(list);
      if (problem !== undefined) throw new TokenStoreError("ERR_KEY", `The function that returns the keys: ${problem}`);
      this.#take(list);
    };
    return isPromise(keys) ? keys.then(take) : take(keys);
  }

  /** A key that is known already stays, so that its function is not called again. */
  #take(keys: readonly EncryptionKey[]): void {
    this.#entries = keys.map(({ id, key, seal }) => {
      const before = this.#entries.find((entry) => entry.id === id);
      return new Entry(id, seal !== false, before?.source ?? new Source(id, key, this.#timeoutMs));
    });
  }
}
