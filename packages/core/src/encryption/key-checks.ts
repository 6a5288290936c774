import { randomUUID } from "node:crypto";
import type { Backend, MaybePromise } from "../backend.js";
import { chain } from "../chain.js";
import type { Deadline } from "../deadline.js";
import { TokenStoreError } from "../errors.js";
import { KeyedQueue } from "../keyed-queue.js";
import { keysOf } from "../lookups.js";
import { NO_FIELDS } from "../properties.js";
import type { TokenRecord } from "../record.js";
import { parseEnvelope, plaintextIn, ValueKeys } from "./envelope.js";
import { checkValueOf } from "./hkdf.js";
import type { MasterKey } from "./master-key.js";
import { SEALED_PROPERTIES } from "./sealed-records.js";

/** The id of the record that holds the check values. No token has it: an empty id counts as not given. */
const ID = "";
/** How many of the stored records vouch for a key that has no check value. */
const WITNESSES = 256;

/** Whether a record is the one that holds the check values. */
export function holdsChecks({ id }: TokenRecord): boolean {
  return id === ID;
}

/**
 * A check value for each key that ever sealed something in this namespace, so that a process with other bytes under
 * the same id is refused before it does harm. They are kept in a record of their own, through the backend like any
 * other, so that no backend needs a place for them.
 */
export class KeyChecks {
  readonly #backend: Backend;
  readonly #namespace: string;
  #values: ReadonlyMap<string, string> = new Map();
  readonly #verified = new Set<MasterKey>();
  readonly #adding = new KeyedQueue();

  constructor(backend: Backend, namespace: string) {
    this.#backend = backend;
    this.#namespace = namespace;
  }

  /** Reads the check values, as the store opens. */
  load(deadline: Deadline): MaybePromise<void> {
    return chain(this.#read(deadline), (record) => {
      this.#values = valuesIn(record);
    });
  }

  /**
   * Compares a key with its check value.
   * @returns false where it has none yet
   * @throws TokenStoreError `ERR_KEY` where the key has other bytes
   */
  verify(key: MasterKey): boolean {
    if (this.#verified.has(key)) return true;
    const expected = this.#values.get(key.id);
    if (expected === undefined) return false;
    if (expected !== checkValueOf(key, this.#namespace)) throw otherBytes(key.id);
    this.#verified.add(key);
    return true;
  }

  /** Sees to it that a key has its check value before it seals anything. */
  async add(key: MasterKey, deadline: Deadline): Promise<void> {
    // Callers of this process would race for the one record.
    const { turn, leave } = this.#adding.join(key.id);
    try {
      await turn;
      await this.#addAlone(key, deadline);
    } finally {
      leave();
    }
  }

  async #addAlone(key: MasterKey, deadline: Deadline): Promise<void> {
    while (!this.verify(key)) {
      deadline.check();
      const stored = await this.#read(deadline);
      this.#values = valuesIn(stored);
      if (this.verify(key)) return;
      await this.#askWitnesses(key, deadline);
      const values = new Map([...this.#values, [key.id, checkValueOf(key, this.#namespace)]]);
      const record = recordOf(values, stored);
      const keys = keysOf(record);
      if (stored === undefined) await this.#backend.insert(record, keys, deadline);
      else await this.#backend.replace(record, keys, stored, deadline);
      // Whoever was first: the next round reads what is there now.
    }
  }

  /** Removes every record but this one: processes that run seal on without looking for it again. */
  clear(deadline: Deadline): MaybePromise<void> {
    return chain(this.#read(deadline), (record) =>
      chain(this.#backend.clear(deadline), () => {
        if (record === undefined) return;
        return chain(this.#backend.insert(record, keysOf(record), deadline), () => undefined);
      }),
    );
  }

  #read(deadline: Deadline): MaybePromise<TokenRecord | undefined> {
    const records = this.#backend.read([{ kind: "id", key: ID }], deadline);
    return chain(records, ([record]) => record);
  }

  /** Without a check value, because the record was deleted by hand for example, sealed records tell the key. */
  async #askWitnesses(key: MasterKey, deadline: Deadline): Promise<void> {
    for (const record of await this.#backend.scan(null, WITNESSES, deadline)) {
      for (const property of SEALED_PROPERTIES) {
        const value = record[property];
        const envelope =
          value === null || plaintextIn(value) !== undefined ? undefined : parseEnvelope(value);
        if (typeof envelope !== "object" || envelope.keyId !== key.id) continue;
        if (ValueKeys.derive(key, envelope.salt).commitment === envelope.commitment) return;
        throw otherBytes(key.id);
      }
    }
  }
}

function recordOf(values: ReadonlyMap<string, string>, stored: TokenRecord | undefined): TokenRecord {
  return {
    ...NO_FIELDS,
    id: ID,
    metadata: JSON.stringify(Object.fromEntries(values)),
    revision: (stored?.revision ?? 0) + 1,
    etag: randomUUID(),
    createdAt: 0,
    savedAt: 0,
  };
}

function valuesIn(record: TokenRecord | undefined): ReadonlyMap<string, string> {
  if (record === undefined) return new Map();
  try {
    const values: unknown = JSON.parse(record.metadata ?? "");
    if (typeof values === "object" && values !== null) return new Map(Object.entries(values));
  } catch {}
  throw new TokenStoreError(
    "ERR_CORRUPT",
    'The record with the id "", which holds the check values of the encryption keys, can\'t be read. Restore it from ' +
      "a backup, or delete it in the database: the next save writes it again.",
  );
}

function otherBytes(keyId: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_KEY",
    `The key ${JSON.stringify(keyId)} has other bytes than the key of this id that sealed records in this store. ` +
      "Give the right key, or a new id to a new key. Nothing was changed.",
  );
}
