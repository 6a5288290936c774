import { setTimeout as sleep } from "node:timers/promises";
import { type Deadline, Deadlines, TokenStoreError } from "@tokenkeep/core";
import { execute, type Failed, type Got, type Result, type Value } from "./execute.js";
import { breaksConnection, kindOf } from "./failures.js";
import type { CallbackPool, MysqlConnection } from "./pool.js";

/** Runs one statement: with values as a prepared one, without as it stands. */
export type Run = (sql: string, values?: readonly Value[]) => Promise<Result>;

/** How often one statement is sent at most. */
const TRIES = { undone: 50, crowded: 5, lost: 3, other: 1 };

/** Sends statements over a pool, each within the time limit, and again where that does no harm. */
export class Connections {
  readonly #pool: CallbackPool;
  readonly #timeoutMs: number;
  readonly #live = new Set<MysqlConnection>();
  readonly #deadlines = new Deadlines();

  constructor(pool: CallbackPool, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * One statement on any connection.
   * @param isRepeatable whether it may be sent again when the connection was lost, and with it perhaps
   *   only the reply
   */
  run(sql: string, values: readonly Value[], isRepeatable = true): Promise<Result> {
    return this.persist((end) => this.once(sql, values, end), isRepeatable);
  }

  /** Does it again where that does no harm and may help, until the time limit: `end`, by `performance.now()`. */
  async persist<T>(once: (end: number) => Promise<T>, isRepeatable = true): Promise<T> {
    const end = performance.now() + this.#timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(end);
      } catch (error) {
        const kind = kindOf(error);
        if (attempt >= TRIES[kind] || (kind === "lost" && !isRepeatable)) throw error;
        const pause = Math.random() * Math.min(2 ** attempt, 64) * (kind === "crowded" ? 8 : 1);
        if (performance.now() + pause >= end) throw error;
        await sleep(pause);
      }
    }
  }

  /** One statement on any connection, sent once. */
  once(sql: string, values: readonly Value[], end: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      let connection: MysqlConnection | undefined;
      let isOver = false;
      const deadline = this.deadline(end, (late) => {
        isOver = true;
        if (connection !== undefined) this.drop(connection);
        reject(late);
      });
      this.borrow((error, got) => {
        if (error !== null) {
          deadline.cancel();
          return reject(error);
        }
        if (isOver) return got.release();
        connection = got;
        this.send(got, sql, values, (error, result) => {
          deadline.cancel();
          if (error !== null) reject(error);
          else resolve(result);
        });
      });
    });
  }

  /** Calls `giveUp` at that time with the error that says so, unless it is cancelled before. */
  deadline(end: number, giveUp: (late: TokenStoreError) => void): Deadline {
    return this.#deadlines.set(end, () => giveUp(noAnswer(this.#timeoutMs)));
  }

  /** A connection, for {@link send}; or give it back with `release`. */
  borrow(use: (...got: Failed | Got<MysqlConnection>) => void): void {
    this.#pool.getConnection((error, connection) => {
      if (error !== null && error !== undefined) return use(error, undefined);
      this.#watch(connection);
      use(null, connection);
    });
  }

  /** Sends a statement over a borrowed connection, which goes back to the pool when the reply is there. */
  send(
    connection: MysqlConnection,
    sql: string,
    values: readonly Value[],
    replied: (...reply: Failed | Got<Result>) => void,
  ): void {
    execute(connection, sql, values, (...reply) => {
      if (reply[0] !== null && breaksConnection(reply[0])) this.drop(connection);
      else connection.release();
      replied(...reply);
    });
  }

  /** Several statements on one connection. Where `work` fails the connection is dropped, locks and all. */
  async session<T>(work: (run: Run) => Promise<T>): Promise<T> {
    const connection = await this.#take();
    try {
      const result = await work((sql, values) => this.#runOn(connection, sql, values));
      connection.release();
      return result;
    } catch (error) {
      this.drop(connection);
      throw error;
    }
  }

  #take(): Promise<MysqlConnection> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const deadline = this.deadline(performance.now() + this.#timeoutMs, (late) => {
        isOver = true;
        reject(late);
      });
      this.borrow((error, connection) => {
        deadline.cancel();
        if (error !== null) reject(error);
        else if (isOver) connection.release();
        else resolve(connection);
      });
    });
  }

  #runOn(connection: MysqlConnection, sql: string, values: readonly Value[] | undefined): Promise<Result> {
    return new Promise((resolve, reject) => {
      const deadline = this.deadline(performance.now() + this.#timeoutMs, (late) => {
        this.drop(connection);
        reject(late);
      });
      execute(connection, sql, values, (error, result) => {
        deadline.cancel();
        if (error !== null) reject(error);
        else resolve(result);
      });
    });
  }

  // An error that nobody listens to would end the process: the pool listens for the first one only.
  #watch(connection: MysqlConnection): void {
    if (this.#live.has(connection) || !isEmitter(connection)) return;
    this.#live.add(connection);
    const forget = () => void this.#live.delete(connection);
    connection.on("error", forget);
    connection.on("end", forget);
  }

  /** Cuts a connection: the reply that it waits for would come to whoever uses it next. */
  drop(connection: MysqlConnection): void {
    // alone, this waits for the server to close its side, which a frozen one never does
    connection.destroy();
    this.#live.delete(connection);
    const { stream } = connection as { stream?: { destroy?: () => void } };
    stream?.destroy?.();
  }

  /** Cuts every connection that was ever used and is still there. Only for a pool of our own. */
  dropAll(): void {
    for (const connection of [...this.#live]) this.drop(connection);
  }
}

function isEmitter(value: object): value is { on(event: string, listener: () => void): void } {
  return "on" in value && typeof value.on === "function";
}

function noAnswer(ms: number): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `mysql: no answer, or no free connection, within ${ms} ms. A write may have been done all the same. ` +
      "Check that the server is up, or raise timeoutMs or connectionLimit.",
  );
}
