import { createHash } from "node:crypto";
import { isTokenStoreError, type OAuthToken, type TokenInput, type TokenStore } from "@tokenkeep/core";
import type { ZohoRow } from "../formats/columns.js";

/**
 * The id of the record that remembers which rows were imported, so that a token which was deleted afterwards does not
 * come back at the next start.
 *
 * It is a record, because records are all that the contract lets every store keep. Next to the source there may be no
 * permission to write, and each host may have a copy of its own. It remembers rows rather than the import as a whole,
 * so that a row which the old program adds later is still imported. Its token value is its id: it is no secret, and
 * belongs to nobody.
 */
export const IMPORTED_ROWS = "tokenkeep:zoho-import";

/** Whether a record is not a token, but remembers rows. */
export function remembersRows({ id }: OAuthToken): boolean {
  return id === IMPORTED_ROWS || id?.startsWith(`${IMPORTED_ROWS}:`) === true;
}

/** The length of a digest. With a million rows, two are the same in one of ten billion imports. */
const LENGTH = 12;
/** How many digests fit into one record's 64 KiB of metadata. */
const PER_RECORD = 5_000;

/** What identifies a row: its longest-lived token. A login, and only a login, makes another one. */
export function digestOf({ token }: ZohoRow): string {
  const { refreshToken, grantToken, accessToken } = token;
  const value = JSON.stringify(refreshToken ? [refreshToken] : [grantToken, accessToken]);
  return createHash("sha256").update(value).digest("base64url").slice(0, LENGTH);
}

/** The rows that a store remembers. */
export class ImportedRows {
  readonly #store: TokenStore;
  readonly #digests = new Set<string>();

  private constructor(store: TokenStore) {
    this.#store = store;
  }

  static async of(store: TokenStore): Promise<ImportedRows> {
    const rows = new ImportedRows(store);
    for (let part = 1; ; part++) {
      const record = await store.findTokenById(idOf(part));
      if (record === null) return rows;
      for (const digest of digestsIn(record)) rows.#digests.add(digest);
    }
  }

  has(row: ZohoRow): boolean {
    return this.#digests.has(digestOf(row));
  }

  /** Remembers more rows. Others may do so at the same time. */
  async add(rows: readonly ZohoRow[]): Promise<void> {
    await this.#add(rows.map(digestOf).filter((digest) => !this.#digests.has(digest)));
  }

  /** Puts back what was read, after the store was emptied. */
  async restore(): Promise<void> {
    await this.#add(this.#digests);
  }

  async #add(digests: Iterable<string>): Promise<void> {
    let missing = [...new Set(digests)];
    for (let part = 1; missing.length > 0; ) {
      const record = await this.#store.findTokenById(idOf(part));
      const known = record === null ? [] : digestsIn(record);
      missing = missing.filter((digest) => !known.includes(digest));
      const fits = missing.slice(0, PER_RECORD - known.length);
      if (fits.length > 0 && !(await this.#save(part, record, [...known, ...fits]))) continue;
      for (const digest of fits) this.#digests.add(digest);
      missing = missing.slice(fits.length);
      part++;
    }
  }

  /** @returns whether the record was still as it had been read */
  async #save(part: number, record: OAuthToken | null, digests: readonly string[]): Promise<boolean> {
    const metadata = { rows: digests.join("") };
    try {
      await saveIf(this.#store, { id: idOf(part), accessToken: idOf(part), metadata }, record);
      return true;
    } catch (error) {
      if (isTokenStoreError(error) && error.code === "ERR_CONFLICT") return false;
      throw error;
    }
  }
}

/** Saves if the record is still as it was found, on a store that can tell. */
export function saveIf(store: TokenStore, token: TokenInput, found: OAuthToken | null): Promise<OAuthToken> {
  return store.saveToken(token, store.capabilities.revisions ? { ifRevision: found?.revision ?? 0 } : {});
}

function idOf(part: number): string {
  return part === 1 ? IMPORTED_ROWS : `${IMPORTED_ROWS}:${part}`;
}

function digestsIn({ metadata }: OAuthToken): string[] {
  const rows = (metadata as { rows?: unknown } | null)?.rows;
  return typeof rows === "string" ? (rows.match(new RegExp(`.{${LENGTH}}`, "g")) ?? []) : [];
}
