import type { Leases } from "@tokenkeep/core";
import type { Query } from "./postgres-backend.js";

// the time of this very moment, unlike now(), which is that of the statement's transaction
const NOW = "clock_timestamp()";
const IN = (parameter: string): string => `${NOW} + ${parameter} * interval '1 millisecond'`;
const IS_HELD = `(l.owner IS NOT NULL AND l.held_until > ${NOW})`;
const IS_PLACE_FREE = `(l.next_owner IS NULL OR l.next_owner = $3 OR l.next_until <= ${NOW})`;

/** Leases as rows, on the server's clock. A row stays, so that its fence never goes back. */
export class PostgresLeases implements Leases {
  readonly #query: Query;
  readonly #namespace: Buffer;
  readonly #acquire: string;
  readonly #renew: string;
  readonly #release: string;

  constructor(query: Query, table: string, namespace: Buffer) {
    this.#query = query;
    this.#namespace = namespace;
    // the lease if it can be had, otherwise the place in line if that can be had
    this.#acquire = `
      WITH granted AS (
        INSERT INTO ${table} AS l (namespace, key, owner, held_until, fence) VALUES ($1, $2, $3, ${IN("$4")}, 1)
        ON CONFLICT (namespace, key) DO UPDATE
          SET owner = $3, held_until = ${IN("$4")}, next_owner = NULL, fence = l.fence + 1
          WHERE (${IS_HELD} AND l.owner = $3) OR (NOT ${IS_HELD} AND ${IS_PLACE_FREE})
        RETURNING fence
      ), waiting AS (
        UPDATE ${table} AS l SET next_owner = $3, next_until = ${IN("$5")}
        WHERE namespace = $1 AND key = $2 AND ${IS_PLACE_FREE} AND NOT EXISTS (SELECT FROM granted)
      )
      SELECT fence FROM granted`;
    this.#renew = `
      UPDATE ${table} AS l SET held_until = ${IN("$4")}
      WHERE namespace = $1 AND key = $2 AND owner = $3 AND ${IS_HELD}`;
    this.#release = `
      WITH before AS (
        SELECT owner = $3 AND ${IS_HELD} AS had FROM ${table} AS l
        WHERE namespace = $1 AND key = $2 AND $3 IN (owner, next_owner) FOR UPDATE
      )
      UPDATE ${table} AS l SET owner = nullif(owner, $3), next_owner = nullif(next_owner, $3)
      FROM before WHERE namespace = $1 AND key = $2 RETURNING had`;
  }

  async acquire(key: string, owner: string, leaseMs: number, placeMs: number): Promise<number | null> {
    const { rows } = await this.#query(this.#acquire, [this.#namespace, key, owner, leaseMs, placeMs]);
    return rows.length === 0 ? null : Number(rows[0].fence);
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const { rowCount } = await this.#query(this.#renew, [this.#namespace, key, owner, leaseMs]);
    return rowCount === 1;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const { rows } = await this.#query(this.#release, [this.#namespace, key, owner]);
    return rows[0]?.had === true;
  }
}
