import { isTokenStoreError, type OAuthToken, type TokenInput, type TokenStore } from "@tokenkeep/core";
import { pause } from "./wait.js";

/** The pause between two attempts to save, in milliseconds: far less than others wait for the answer. */
const RETRY_MS = 250;

/** An answer of the provider that is to be saved. */
export interface Answer {
  /** The record as it was when the refresh token was sent. */
  readonly sent: OAuthToken;
  /** What to change. */
  readonly changes: TokenInput;
}

/**
 * What became of an answer: it was saved; the record has a newer one; or the record was deleted. `token` is the
 * record as it is now.
 */
export type Saved =
  | { readonly outcome: "saved" | "superseded"; readonly token: OAuthToken }
  | { readonly outcome: "deleted" };

interface Kept {
  readonly answer: Answer;
  readonly done: Promise<Saved>;
  readonly settle: (saved: Saved | Promise<never>) => void;
}

/**
 * Saves the provider's answers. One that can't be saved now is kept and saved as soon as the store is back: it may
 * hold the only refresh token that still works.
 */
export class UnsavedAnswers {
  readonly #store: TokenStore;
  readonly #kept = new Set<Kept>();
  #isDraining = false;

  constructor(store: TokenStore) {
    this.#store = store;
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /**
   * Saves an answer.
   * @returns what became of it
   * @throws TokenStoreError where the store can't save now. The answer is kept
   */
  async save(answer: Answer): Promise<Saved> {
    const kept = keep(answer);
    this.#kept.add(kept);
    try {
      return await this.#attempt(kept);
    } catch (error) {
      void this.#drain();
      throw error;
    }
  }

  /**
   * Saves what was kept for a record, if there is anything, now.
   * @throws TokenStoreError where the store still can't save
   */
  async flush(id: string): Promise<void> {
    for (const kept of this.#kept) {
      if (kept.answer.sent.id === id) await this.#attempt(kept);
    }
  }

  /** Waits until every answer is saved. */
  async saved(): Promise<void> {
    await Promise.all([...this.#kept].map(({ done }) => done));
  }

  async #attempt(kept: Kept): Promise<Saved> {
    const saved = await storeAnswer(this.#store, kept.answer);
    this.#kept.delete(kept);
    kept.settle(saved);
    return saved;
  }

  // One loop for all, since what keeps one from being saved mostly keeps all.
  async #drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.#kept.size > 0) {
      await pause(RETRY_MS * (0.75 + Math.random() / 2));
      for (const kept of this.#kept) {
        try {
          await this.#attempt(kept);
        } catch (error) {
          if (isTokenStoreError(error) && error.code === "ERR_STORE_CLOSED") this.#giveUp(kept, error);
          else if (isTokenStoreError(error) && error.code === "ERR_UNAVAILABLE") break;
        }
      }
    }
    this.#isDraining = false;
  }

  #giveUp(kept: Kept, error: Error): void {
    this.#kept.delete(kept);
    kept.settle(Promise.reject(error));
    process.emitWarning(
      `tokenkeep: the store was closed before the provider's answer for record ${JSON.stringify(kept.answer.sent.id)} was saved. ` +
        "Await tokens.close() before store.close().",
    );
  }
}

function keep(answer: Answer): Kept {
  let settle: Kept["settle"] = () => {};
  const done = new Promise<Saved>((resolve) => {
    settle = resolve;
  });
  done.catch(() => {}); // nobody may be waiting for it
  return { answer, done, settle };
}

/**
 * Saves an answer, only over the refresh token that was sent: never over a newer one, and never as a new record.
 */
async function storeAnswer(store: TokenStore, answer: Answer): Promise<Saved> {
  const { sent } = answer;
  let { changes } = answer;
  let current = sent;
  for (;;) {
    try {
      const token = await store.saveToken(current.with(changes), { ifRevision: current.revision ?? 0 });
      return { outcome: "saved", token };
    } catch (error) {
      if (!isTokenStoreError(error)) throw error;
      const isLost = error.code === "ERR_CONFLICT" && (error.property ?? "revision") === "revision";
      const smaller = isLost || error.uncertain ? undefined : withoutCulprit(changes, error.property);
      if (smaller !== undefined) {
        changes = smaller;
        continue;
      }
      if (!isLost && !error.uncertain) throw error;
      const found = await store.findTokenById(sent.id!);
      if (found === null) return { outcome: "deleted" };
      if (isStored(found, changes)) return { outcome: "saved", token: found };
      if (!isWanted(found, sent, changes)) return { outcome: "superseded", token: found };
      current = found;
    }
  }
}

// The store refuses one of the values, or another record has it: the rest is saved without it, so that a new refresh
// token is not lost over an access token.
function withoutCulprit(changes: TokenInput, property: string | undefined): TokenInput | undefined {
  if (property === undefined || property === "refreshToken") return undefined;
  if ((changes as Record<string, unknown>)[property] == null) return undefined;
  return { ...changes, [property]: null, ...(property === "accessToken" ? { expiresAt: null } : {}) };
}

function isStored(found: OAuthToken, changes: TokenInput): boolean {
  const mine = changes.refreshState;
  const theirs = found.refreshState;
  if (mine == null || theirs == null || theirs.attempt !== mine.attempt) return false;
  // the mark of the same attempt, and the failure that it was given up with, are not the answer
  return theirs.status === mine.status && theirs.at === mine.at;
}

function isWanted(found: OAuthToken, sent: OAuthToken, changes: TokenInput): boolean {
  if (found.refreshToken !== sent.refreshToken) return false;
  const isRotated = Boolean(changes.refreshToken) && changes.refreshToken !== sent.refreshToken;
  // a provider that doesn't rotate has given somebody else an access token since
  return isRotated || found.accessToken === sent.accessToken;
}
