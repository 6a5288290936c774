import type { Leases, MaybePromise } from "@tokenkeep/core";
import type { SqliteDatabase, SqliteStatement } from "./options.js";

interface Row {
  readonly owner: string | null;
  readonly fence: number;
  readonly held_until: number;
  readonly next_owner: string | null;
  readonly next_until: number;
}

/**
 * Leases in a table, by the clock of the machine that all processes of a SQLite database share. Each step is
 * a transaction that has the write lock from its start, so that what it read still holds when it writes.
 */
export class SqliteLeases implements Leases {
  readonly #namespace: string;
  readonly #inTransaction: <T>(work: () => T) => MaybePromise<T>;
  readonly #select: SqliteStatement;
  readonly #put: SqliteStatement;
  readonly #delete: SqliteStatement;
  readonly #nextFence: SqliteStatement;

  constructor(
    database: SqliteDatabase,
    namespace: string,
    inTransaction: <T>(work: () => T) => MaybePromise<T>,
  ) {
    this.#namespace = namespace;
    this.#inTransaction = inTransaction;
    const prepare = (sql: string): SqliteStatement => {
      const statement = database.prepare(sql);
      statement.safeIntegers(false);
      return statement;
    };
    this.#select = prepare("SELECT * FROM tokenkeep_leases WHERE namespace = ? AND key = ?");
    this.#put = prepare("INSERT OR REPLACE INTO tokenkeep_leases VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#delete = prepare("DELETE FROM tokenkeep_leases WHERE namespace = ? AND key = ?");
    this.#nextFence = prepare(
      "UPDATE tokenkeep_meta SET value = value + 1 WHERE name = 'fence' RETURNING value",
    );
  }

  acquire(key: string, owner: string, leaseMs: number, placeMs: number): MaybePromise<number | null> {
    return this.#inTransaction(() => {
      const now = Date.now();
      const row = this.#read(key);
      const isHeld = row?.owner != null && row.held_until > now;
      if (row !== undefined && isHeld && row.owner === owner) {
        this.#write(key, { ...row, held_until: now + leaseMs });
        return row.fence;
      }
      const isPlaceTaken = row?.next_owner != null && row.next_owner !== owner && row.next_until > now;
      if (!isHeld && !isPlaceTaken) {
        const { value: fence } = this.#nextFence.get() as { value: number };
        this.#write(key, { owner, fence, held_until: now + leaseMs, next_owner: null, next_until: 0 });
        return fence;
      }
      // a place is renewed only when half of it is over: waiting should not cost a write per look
      const hasPlace = row?.next_owner === owner && row.next_until > now + placeMs / 2;
      if (row !== undefined && !isPlaceTaken && !hasPlace) {
        this.#write(key, { ...row, next_owner: owner, next_until: now + placeMs });
      }
      return null;
    });
  }

  renew(key: string, owner: string, leaseMs: number): MaybePromise<boolean> {
    return this.#inTransaction(() => {
      const now = Date.now();
      const row = this.#read(key);
      if (row?.owner !== owner || row.held_until <= now) return false;
      this.#write(key, { ...row, held_until: now + leaseMs });
      return true;
    });
  }

  release(key: string, owner: string): MaybePromise<boolean> {
    return this.#inTransaction(() => {
      const now = Date.now();
      const row = this.#read(key);
      if (row === undefined) return false;
      const isOwner = row.owner === owner;
      const isNext = row.next_owner === owner;
      if (!isOwner && !isNext) return false;
      const rest = {
        ...row,
        owner: isOwner ? null : row.owner,
        next_owner: isNext || row.next_until <= now ? null : row.next_owner,
      };
      if (rest.owner === null && rest.next_owner === null) this.#delete.run(this.#namespace, key);
      else this.#write(key, rest);
      return isOwner && row.held_until > now;
    });
  }

  #read(key: string): Row | undefined {
    return this.#select.get(this.#namespace, key) as Row | undefined;
  }

  #write(key: string, row: Row): void {
    const { owner, fence, held_until, next_owner, next_until } = row;
    this.#put.run(this.#namespace, key, owner, fence, held_until, next_owner, next_until);
  }
}
