import type { MaybePromise } from "../backend.js";
import type { Deadline } from "../deadline.js";

/** A parameter of a statement. */
export type SqlValue = string | number | null | Uint8Array;

/** A statement with its parameters. */
export interface SqlStatement {
  /** The text, with the dialect's placeholders. The same statement always has the same text. */
  readonly sql: string;
  /** A value for each placeholder. */
  readonly values: readonly SqlValue[];
  /** Whether it only reads. */
  readonly isRead: boolean;
  /** Whether doing it twice is the same as once, so that it may be repeated after a lost reply. Every read is. */
  readonly isRepeatable?: boolean;
}

/** What a statement returned. */
export interface SqlResult {
  /** The rows, each with its values in the order of the columns. */
  readonly rows: readonly (readonly unknown[])[];
  /** How many rows were inserted, updated or deleted. */
  readonly changes: number;
}

/** How statements reach the database: a pool, or an open file. */
export interface SqlConnection {
  /**
   * Runs one statement, committed by itself.
   * @param statement what to run
   * @param deadline when to give up
   * @returns what it returned
   */
  run(statement: SqlStatement, deadline: Deadline): MaybePromise<SqlResult>;
}

/** Where a database's SQL differs from others'. */
export interface Dialect {
  /** For messages: `sqlite`, `mysql`, `postgres`. */
  readonly name: string;
  /**
   * The placeholder of a parameter.
   * @param index the parameter's position, from 1
   * @returns `?`, `$1`, …
   */
  placeholder(index: number): string;
  /** The current time of the database's clock in Unix milliseconds, as an expression. */
  readonly now: string;
  /** What ends an INSERT so that it skips a row whose unique value is taken; `""` where {@link isDuplicate} tells. */
  readonly onConflict: string;
  /**
   * Whether a unique index refused a write.
   * @param error what the driver threw
   * @returns whether it did, and nothing was written
   */
  isDuplicate(error: unknown): boolean;
  /**
   * An id or a namespace as a parameter: any well-formed Unicode, `\0` included.
   * @param text the id or namespace
   * @returns the parameter
   */
  text(text: string): SqlValue;
}

/** The tables of a store, quoted for the dialect. Each package creates them; the README lists their columns. */
export interface SqlTables {
  /** `namespace, id, etag, created_at, saved_at, record`, and the five of {@link KEY_COLUMNS}. */
  readonly tokens: string;
  /** `namespace, lock_key, owner, held_until, fence, next_owner, next_until`. */
  readonly locks: string;
}

/** The columns of the index keys. */
export const KEY_COLUMNS = {
  userClient: "user_client_key",
  grantToken: "grant_token_key",
  refreshToken: "refresh_token_key",
  accessToken: "access_token_key",
  user: "user_key",
} as const;

/** Makes the texts of statements for one dialect and its tables. */
export class SqlTexts {
  readonly #dialect: Dialect;
  readonly #tables: SqlTables;
  /** By template. There are as many as there are combinations of lookups and of changed keys: a few dozen. */
  readonly #texts = new Map<string, string>();

  constructor(dialect: Dialect, tables: SqlTables) {
    this.#dialect = dialect;
    this.#tables = tables;
  }

  /** @param template SQL with `?` for parameters, and `{tokens}`, `{locks}` and `{now}` */
  text(template: string): string {
    const known = this.#texts.get(template);
    if (known !== undefined) return known;
    let index = 0;
    const { tokens, locks } = this.#tables;
    const names: Readonly<Record<string, string>> = { tokens, locks, now: this.#dialect.now };
    const text = template.replace(/\?|\{(\w+)\}/g, (_match, name: string | undefined) =>
      name === undefined ? this.#dialect.placeholder(++index) : names[name]!,
    );
    this.#texts.set(template, text);
    return text;
  }
}
