import {
  type Lookup,
  type LookupKind,
  type Place,
  type RecordKeys,
  TOKEN_COLUMNS,
  type TokenColumn,
  type TokenRecord,
} from "@tokenkeep/core";
import type { Value } from "./execute.js";
import type { TextWay } from "./text.js";

export interface PreparedStatement {
  readonly sql: string;
  readonly values: readonly Value[];
}

const KEY_COLUMNS: Readonly<Record<keyof RecordKeys, string>> = {
  userClient: "user_client_key",
  grantToken: "grant_token_key",
  refreshToken: "refresh_token_key",
  accessToken: "access_token_key",
  user: "user_key",
};
const KINDS = Object.keys(KEY_COLUMNS) as (keyof RecordKeys)[];
/** Set by every save, though two in one millisecond have the same times: else that would be a statement of its own. */
const OFTEN_CHANGED: ReadonlySet<keyof TokenRecord> = new Set(["expiresAt", "revision", "etag", "savedAt"]);

/** The statements on the records of one namespace. The text of each shape is put together once. */
export class RecordStatements {
  readonly #table: string;
  readonly #namespace: string;
  readonly #way: TextWay;
  /** `SELECT`, with every field of a record in the order of `TOKEN_COLUMNS`. */
  readonly #select: string;
  /** `FROM` … `WHERE`, up to the namespace. */
  readonly #from: string;
  /** The record of one `userClient`, or else of another. */
  readonly #either: string;
  readonly #texts = new Map<string, string>();

  /** @param table quoted */
  constructor(table: string, namespace: string, way: TextWay) {
    const selected = TOKEN_COLUMNS.map((field) => (isText(field) ? way.select(field.column) : field.column));
    this.#table = table;
    this.#namespace = way.encode(namespace);
    this.#way = way;
    this.#select = `SELECT ${selected.join(", ")}`;
    this.#from = `FROM ${table} WHERE namespace = ${way.placeholder} AND`;
    const key = KEY_COLUMNS.userClient;
    this.#either = `${this.#select} ${this.#from} ${key} = COALESCE((SELECT ${key} ${this.#from} ${key} = ?), ?)`;
  }

  /**
   * The record that the first of some lookups leads to, where it leads to one; for one read, or for several that
   * look for the same kinds of key. Looks at what comes before as subqueries of a single key: these cost a
   * fraction of an `IN`, or of a SELECT for each.
   * @returns the text alone; the values of each read are {@link valuesOfFirst}
   */
  first(kinds: readonly LookupKind[], reads: number): string {
    const one = this.#firstOfOne(kinds);
    if (reads === 1) return one;
    const numbered = (i: number) => `(${this.#select}, ${i} AS nth${one.slice(this.#select.length)})`;
    return Array.from({ length: reads }, (_, i) => numbered(i)).join(" UNION ALL ");
  }

  #firstOfOne(kinds: readonly LookupKind[]): string {
    const [one, two] = kinds as [LookupKind, LookupKind | undefined];
    if (two === undefined) return `${this.#select} ${this.#at(one)}`;
    // most finds: a user with its client, or else with none
    if (isEither(kinds)) return this.#either;
    const ids = kinds.map((kind) => `(SELECT id ${this.#at(kind)})`);
    return `${this.#select} ${this.#from} id = COALESCE(${ids.join(", ")})`;
  }

  valuesOfFirst(lookups: readonly Lookup[]): Value[] {
    const [one, two] = lookups as [Lookup, Lookup | undefined];
    if (two === undefined) return this.#valuesOf(one);
    if (isEither(lookups.map(({ kind }) => kind)))
      return [this.#namespace, this.#namespace, one.key, two.key];
    return [this.#namespace, ...lookups.flatMap((lookup) => this.#valuesOf(lookup))];
  }

  /** The records that all of these lookups lead to: each by its own index, which an `OR` need not do. */
  all(lookups: readonly Lookup[]): PreparedStatement {
    const sql = this.#once(`all ${kindsOf(lookups)}`, () => {
      const selects = lookups.map(({ kind }) => `${this.#select} ${this.#at(kind)}`);
      return selects.length === 1 ? selects[0]! : selects.map((select) => `(${select})`).join(" UNION ALL ");
    });
    return { sql, values: lookups.flatMap((lookup) => this.#valuesOf(lookup)) };
  }

  /** `FROM` … for the record that a key of this kind leads to. */
  #at(kind: LookupKind): string {
    const { placeholder } = this.#way;
    if (kind === "id") return `${this.#from} id = ${placeholder}`;
    const isKey = `${KEY_COLUMNS[kind]} = ?`;
    if (kind !== "user") return `${this.#from} ${isKey}`;
    // For a key that is not unique the server weighs all indexes, as each begins with the namespace: that takes it
    // longer than to sort the few records of a user.
    return `FROM ${this.#table} FORCE INDEX (by_user) WHERE namespace = ${placeholder} AND ${isKey} ORDER BY saved_at DESC LIMIT 1`;
  }

  #valuesOf({ kind, key }: Lookup): Value[] {
    return [this.#namespace, kind === "id" ? this.#way.encode(key) : key];
  }

  insert(entries: readonly { readonly record: TokenRecord; readonly keys: RecordKeys }[]): PreparedStatement {
    const sql = this.#once(`insert ${entries.length}`, () => {
      const columns = [...TOKEN_COLUMNS.map(({ column }) => column), ...Object.values(KEY_COLUMNS)];
      const values = [...TOKEN_COLUMNS.map((field) => this.#placeholderOf(field)), ...KINDS.map(() => "?")];
      const row = `(${this.#way.placeholder}, ${values.join(", ")})`;
      return `INSERT INTO ${this.#table} (namespace, ${columns.join(", ")}) VALUES ${entries.map(() => row).join(", ")}`;
    });
    const values: Value[] = [];
    for (const { record, keys } of entries) {
      values.push(this.#namespace);
      for (const field of TOKEN_COLUMNS) values.push(this.#valueOf(field, record));
      for (const kind of KINDS) values.push(keys[kind]);
    }
    return { sql, values };
  }

  /** Sets the texts that changed and no more: what is stored is `previous`, or the etag differs. */
  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): PreparedStatement {
    const assignments: string[] = [];
    const values: Value[] = [];
    for (const field of TOKEN_COLUMNS) {
      if (!OFTEN_CHANGED.has(field.property) && record[field.property] === previous[field.property]) continue;
      assignments.push(isText(field) ? `${field.column} = ${this.#way.placeholder}` : `${field.column} = ?`);
      values.push(this.#valueOf(field, record));
    }
    for (const kind of KINDS) {
      if (!isKeyChanged(kind, record, previous)) continue;
      assignments.push(`${KEY_COLUMNS[kind]} = ?`);
      values.push(keys[kind]);
    }
    const { placeholder } = this.#way;
    const sql = `UPDATE ${this.#table} SET ${assignments.join(", ")} WHERE namespace = ${placeholder} AND id = ${placeholder} AND etag = ?`;
    values.push(this.#namespace, this.#way.encode(previous.id), previous.etag);
    return { sql, values };
  }

  remove(id: string): PreparedStatement {
    const sql = `DELETE ${this.#from} id = ${this.#way.placeholder}`;
    return { sql, values: [this.#namespace, this.#way.encode(id)] };
  }

  clear(): PreparedStatement {
    const sql = `DELETE FROM ${this.#table} WHERE namespace = ${this.#way.placeholder}`;
    return { sql, values: [this.#namespace] };
  }

  scan(after: Place | null, limit: number | null): PreparedStatement {
    const { placeholder, encode } = this.#way;
    const values: Value[] = [this.#namespace];
    let sql = `${this.#select} FROM ${this.#table} FORCE INDEX (by_age) WHERE namespace = ${placeholder}`;
    if (after !== null) {
      sql += ` AND (created_at > ? OR (created_at = ? AND id > ${placeholder}))`;
      values.push(after.createdAt, after.createdAt, encode(after.id));
    }
    sql += " ORDER BY created_at, id";
    if (limit !== null) sql += ` LIMIT ${Math.trunc(limit)}`;
    return { sql, values };
  }

  #placeholderOf(field: TokenColumn): string {
    return isText(field) ? this.#way.placeholder : "?";
  }

  #valueOf(field: TokenColumn, record: TokenRecord): Value {
    const value = record[field.property];
    return typeof value === "string" && isText(field) ? this.#way.encode(value) : value;
  }

  #once(name: string, make: () => string): string {
    let text = this.#texts.get(name);
    if (text === undefined) {
      text = make();
      this.#texts.set(name, text);
    }
    return text;
  }
}

/** Whether it is a user with a client, or else with none. */
function isEither(kinds: readonly LookupKind[]): boolean {
  return kinds.length === 2 && kinds[0] === "userClient" && kinds[1] === "userClient";
}

/** The kinds of some lookups, as one text. */
export function kindsOf(lookups: readonly Lookup[]): string {
  let kinds = "";
  for (const { kind } of lookups) kinds += `${kind} `;
  return kinds;
}

/** Whether it may hold more than ASCII. */
function isText({ column, type }: TokenColumn): boolean {
  return type === "string" && column !== "etag";
}

function isKeyChanged(kind: keyof RecordKeys, record: TokenRecord, previous: TokenRecord): boolean {
  if (kind === "user") return record.userName !== previous.userName;
  if (kind === "userClient") {
    return record.userName !== previous.userName || record.clientId !== previous.clientId;
  }
  return record[kind] !== previous[kind];
}
