import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import { Deadlines } from "./deadlines.js";
import { breaksConnection, kindOf } from "./failures.js";
import type { CallbackPool, MysqlConnection, Statement } from "./pool.js";

export type Value = string | number | null;

export interface Result {
  readonly rows: readonly (readonly unknown[])[];
  readonly affectedRows: number;
  readonly insertId: number;
}

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
  async run(sql: string, values: readonly Value[], isRepeatable = true): Promise<Result> {
    const end = performance.now() + this.#timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(sql, values, end);
      } catch (error) {
        const kind = kindOf(error);
        if (attempt >= TRIES[kind] || (kind === "lost" && !isRepeatable)) throw error;
        const pause = Math.random() * Math.min(2 ** attempt, 64) * (kind === "crowded" ? 8 : 1);
        if (performance.now() + pause >= end) throw error;
        await sleep(pause);
      }
    }
  }

  #once(sql: string, values: readonly Value[], end: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      let connection: MysqlConnection | undefined;
      let isOver = false;
      const deadline = this.#deadlines.set(end, () => {
        isOver = true;
        // its reply would come to whoever uses the connection next
        if (connection !== undefined) this.#drop(connection);
        reject(noAnswer(this.#timeoutMs));
      });
      this.#pool.getConnection((error, got) => {
        if (error !== null && error !== undefined) {
          deadline.cancel();
          return reject(error);
        }
        this.#watch(got);
        if (isOver) return got.release();
        connection = got;
        send(got, sql, values, (error, result) => {
          if (isOver) return;
          deadline.cancel();
          if (error !== null && breaksConnection(error)) this.#drop(got);
          else got.release();
          if (error !== null) reject(error);
          else resolve(resultOf(result));
        });
      });
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
      this.#drop(connection);
      throw error;
    }
  }

  #take(): Promise<MysqlConnection> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const deadline = this.#deadlines.set(performance.now() + this.#timeoutMs, () => {
        isOver = true;
        reject(noAnswer(this.#timeoutMs));
      });
      this.#pool.getConnection((error, got) => {
        deadline.cancel();
        if (error !== null && error !== undefined) return reject(error);
        this.#watch(got);
        if (isOver) got.release();
        else resolve(got);
      });
    });
  }

  #runOn(connection: MysqlConnection, sql: string, values: readonly Value[] | undefined): Promise<Result> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.set(performance.now() + this.#timeoutMs, () => {
        this.#drop(connection);
        reject(noAnswer(this.#timeoutMs));
      });
      send(connection, sql, values, (error, result) => {
        deadline.cancel();
        if (error !== null) reject(error);
        else resolve(resultOf(result));
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

  // `destroy` alone waits for the server to close its side, which a frozen one never does.
  #drop(connection: MysqlConnection): void {
    connection.destroy();
    this.#live.delete(connection);
    const { stream } = connection as { stream?: { destroy?: () => void } };
    stream?.destroy?.();
  }

  /** Cuts every connection that was ever used and is still there. Only for a pool of our own. */
  dropAll(): void {
    for (const connection of [...this.#live]) this.#drop(connection);
  }
}

function send(
  connection: MysqlConnection,
  sql: string,
  values: readonly Value[] | undefined,
  done: (error: Error | null, result?: unknown) => void,
): void {
  // what the caller's pool is set to must not change what comes back
  const settings = {
    rowsAsArray: true,
    typeCast: true,
    nestTables: false,
    namedPlaceholders: false,
  } as const;
  const callback = (error: Error | null | undefined, result?: unknown) => done(error ?? null, result);
  try {
    if (values === undefined) connection.query({ sql, ...settings } satisfies Statement, callback);
    else connection.execute({ sql, values: [...values], ...settings } satisfies Statement, callback);
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}

function resultOf(result: unknown): Result {
  if (Array.isArray(result)) return { rows: result as unknown[][], affectedRows: 0, insertId: 0 };
  const { affectedRows, insertId } = result as { affectedRows?: unknown; insertId?: unknown };
  return { rows: [], affectedRows: Number(affectedRows ?? 0), insertId: Number(insertId ?? 0) };
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
