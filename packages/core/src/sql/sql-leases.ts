import type { Leases } from "../backend.js";
import type { Deadline } from "../deadline.js";
import { isPromise } from "../deadline.js";
import type { Dialect, SqlConnection, SqlResult, SqlStatement, SqlTables, SqlValue } from "./dialect.js";
import { SqlTexts } from "./dialect.js";

const WHERE = "WHERE namespace = ? AND lock_key = ?";
const IS_HELD = "(owner IS NOT NULL AND held_until > {now})";
const IS_FREE = "(owner IS NULL OR held_until <= {now})";
const IS_RESERVABLE = "(next_owner IS NULL OR next_owner = ? OR next_until <= {now})";

/**
 * Leases as rows, on the database's clock. A row stays, so that its fencing token never decreases. Each step is one
 * conditional statement.
 */
export class SqlLeases implements Leases {
  readonly #connection: SqlConnection;
  readonly #namespace: SqlValue;
  readonly #dialect: Dialect;
  readonly #sql: Readonly<
    Record<"grant" | "state" | "insert" | "reserve" | "renew" | "release" | "leave", string>
  >;

  /**
   * Prepares the statements.
   * @param connection how statements reach the database
   * @param dialect where its SQL differs
   * @param tables the two tables
   * @param namespace which of the stores in these tables
   */
  constructor(connection: SqlConnection, dialect: Dialect, tables: SqlTables, namespace: string) {
    this.#connection = connection;
    this.#dialect = dialect;
    this.#namespace = dialect.text(namespace);
    const texts = new SqlTexts(dialect, tables);
    this.#sql = {
      // The fencing token first: MySQL evaluates later assignments with the new values of earlier ones.
      grant: texts.text(`UPDATE {locks} SET
        fence = CASE WHEN owner = ? AND held_until > {now} THEN fence ELSE fence + 1 END,
        owner = ?, held_until = {now} + ?, next_owner = NULL, next_until = 0
        ${WHERE} AND ((owner = ? AND ${IS_HELD}) OR (${IS_FREE} AND ${IS_RESERVABLE}))`),
      state: texts.text(`SELECT fence, CASE WHEN owner = ? AND held_until > {now} THEN 1 ELSE 0 END,
        CASE WHEN ${IS_RESERVABLE} THEN 1 ELSE 0 END FROM {locks} ${WHERE}`),
      insert: texts.text(`INSERT INTO {locks}
        (namespace, lock_key, owner, held_until, fence, next_owner, next_until)
        VALUES (?, ?, ?, {now} + ?, 1, NULL, 0) ${dialect.onConflict}`),
      reserve: texts.text(
        `UPDATE {locks} SET next_owner = ?, next_until = {now} + ? ${WHERE} AND ${IS_RESERVABLE}`,
      ),
      renew: texts.text(
        `UPDATE {locks} SET held_until = {now} + ? ${WHERE} AND owner = ? AND held_until > {now}`,
      ),
      release: texts.text(
        `UPDATE {locks} SET owner = NULL, held_until = 0 ${WHERE} AND owner = ? AND held_until > {now}`,
      ),
      leave: texts.text(`UPDATE {locks} SET owner = CASE WHEN owner = ? THEN NULL ELSE owner END,
        next_owner = CASE WHEN next_owner = ? THEN NULL ELSE next_owner END
        ${WHERE} AND (owner = ? OR next_owner = ?)`),
    };
  }

  async acquire(
    key: string,
    owner: string,
    leaseMs: number,
    reserveMs: number,
    deadline: Deadline,
  ): Promise<number | null> {
    const at = [this.#namespace, key];
    // Each may be repeated: an owner that holds the lease gets it again.
    const run = (sql: string, values: SqlValue[], isRead = false) =>
      this.#run({ sql, values, isRead, isRepeatable: true }, deadline);
    await run(this.#sql.grant, [owner, owner, leaseMs, ...at, owner, owner]);
    const [state] = (await run(this.#sql.state, [owner, owner, ...at], true)).rows;
    if (state === undefined) {
      try {
        return (await run(this.#sql.insert, [...at, owner, leaseMs])).changes > 0 ? 1 : null;
      } catch (error) {
        if (this.#dialect.isDuplicate(error)) return null;
        throw error;
      }
    }
    const [fence, isOurs, isReservable] = state.map(Number);
    if (isOurs === 1) return fence!;
    if (isReservable === 1) await run(this.#sql.reserve, [owner, reserveMs, ...at, owner]);
    return null;
  }

  async renew(key: string, owner: string, leaseMs: number, deadline: Deadline): Promise<boolean> {
    const values = [leaseMs, this.#namespace, key, owner];
    const renewal = { sql: this.#sql.renew, values, isRead: false, isRepeatable: true };
    return (await this.#run(renewal, deadline)).changes > 0;
  }

  async release(key: string, owner: string, deadline: Deadline): Promise<boolean> {
    const at = [this.#namespace, key];
    const send = (sql: string, values: SqlValue[]) => this.#run({ sql, values, isRead: false }, deadline);
    if ((await send(this.#sql.release, [...at, owner])).changes > 0) return true;
    await send(this.#sql.leave, [owner, owner, ...at, owner, owner]);
    return false;
  }

  async #run(statement: SqlStatement, deadline: Deadline): Promise<SqlResult> {
    const result = this.#connection.run(statement, deadline);
    return isPromise(result) ? await result : result;
  }
}
