import type { Leases } from "@tokenkeep/core";
import type { Connections } from "./connections.js";
import { DUPLICATE, errnoOf } from "./failures.js";
import { FROM_HEX, hex } from "./text.js";

// the server's clock, in UTC whatever the time zone of the session
const NOW = "UTC_TIMESTAMP(6)";
const IN = `${NOW} + INTERVAL ? MICROSECOND`;

/**
 * Leases as rows: who has the key, until when by the server's clock, and who is next. A row is never
 * removed, so that its fence never goes back.
 */
export class MysqlLeases implements Leases {
  readonly #connections: Connections;
  readonly #namespace: string;
  readonly #sql: Readonly<
    Record<"grant" | "look" | "first" | "place" | "renew" | "release" | "leave", string>
  >;

  /** @param table quoted */
  constructor(connections: Connections, table: string, namespace: string) {
    this.#connections = connections;
    this.#namespace = hex(namespace);
    const where = `WHERE namespace = ${FROM_HEX} AND lock_key = ?`;
    const isPlaceFree = `(next_owner IS NULL OR next_owner = ? OR next_until <= ${NOW})`;
    this.#sql = {
      // LAST_INSERT_ID(…) hands the fence back with the reply
      grant: `UPDATE ${table} SET fence = LAST_INSERT_ID(fence + 1), owner = ?, held_until = ${IN},
        next_owner = IF(next_owner = ?, NULL, next_owner)
        ${where} AND (owner = ? OR ((owner IS NULL OR held_until <= ${NOW}) AND ${isPlaceFree}))`,
      look: `SELECT ${isPlaceFree} FROM ${table} ${where}`,
      first: `INSERT INTO ${table} (namespace, lock_key, fence, owner, held_until)
        VALUES (${FROM_HEX}, ?, 1, ?, ${IN})`,
      place: `UPDATE ${table} SET next_owner = ?, next_until = ${IN} ${where} AND ${isPlaceFree}`,
      renew: `UPDATE ${table} SET held_until = ${IN} ${where} AND owner = ? AND held_until > ${NOW}`,
      release: `UPDATE ${table} SET owner = NULL, held_until = NULL ${where} AND owner = ? AND held_until > ${NOW}`,
      leave: `UPDATE ${table} SET owner = IF(owner = ?, NULL, owner), next_owner = IF(next_owner = ?, NULL, next_owner)
        ${where} AND (owner = ? OR next_owner = ?)`,
    };
  }

  async acquire(key: string, owner: string, leaseMs: number, placeMs: number): Promise<number | null> {
    const at = [this.#namespace, key];
    const lease = leaseMs * 1000;
    const granted = await this.#connections.run(this.#sql.grant, [owner, lease, owner, ...at, owner, owner]);
    if (granted.affectedRows > 0) return granted.insertId;
    const [row] = (await this.#connections.run(this.#sql.look, [owner, ...at])).rows;
    if (row === undefined) {
      try {
        await this.#connections.run(this.#sql.first, [...at, owner, lease]);
        return 1;
      } catch (error) {
        if (errnoOf(error) === DUPLICATE) return null;
        throw error;
      }
    }
    if (Number(row[0]) === 1) {
      await this.#connections.run(this.#sql.place, [owner, placeMs * 1000, ...at, owner]);
    }
    return null;
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const values = [leaseMs * 1000, this.#namespace, key, owner];
    return (await this.#connections.run(this.#sql.renew, values)).affectedRows > 0;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const at = [this.#namespace, key];
    // not sent again after a lost reply: it would find nothing, which says that the lease was lost
    const released = await this.#connections.run(this.#sql.release, [...at, owner], false);
    if (released.affectedRows > 0) return true;
    await this.#connections.run(this.#sql.leave, [owner, owner, ...at, owner, owner]);
    return false;
  }
}
