import { invalidOption, redact } from "@tokenkeep/core/backend";
import {
  Sockets,
  type SqlErrorRule,
  type SqlPool,
  type SqlResult,
  type SqlSession,
  type SqlStatement,
} from "@tokenkeep/core/sql";
import { createPool, type Pool } from "mysql2";
import { numberOrCode, RULES } from "./errors.js";
import type { CallbackPool, CheckedOptions, MysqlConnection } from "./options.js";

/** The settings of a caller's pool must not change what comes back. */
const SETTINGS = {
  rowsAsArray: true,
  // mysql2 ignores `true` where the pool has a function.
  typeCast: (_field: unknown, read: () => unknown) => read(),
  nestTables: false,
  namedPlaceholders: false,
};

/** Connections of the caller's pool, or of one that is made, and ended, here. */
export class MysqlConnections implements SqlPool {
  readonly rules: readonly SqlErrorRule[] = RULES;
  readonly codeOf: (error: unknown) => string = numberOrCode;
  readonly #options: CheckedOptions;
  readonly #sockets = new Sockets();
  #own: Pool | undefined;

  constructor(options: CheckedOptions) {
    this.#options = options;
  }

  connect(): Promise<SqlSession> {
    return new Promise((resolve, reject) => {
      const pool: CallbackPool = this.#options.pool ?? this.#ownPool();
      pool.getConnection((error, connection) => {
        if (error) reject(error);
        else resolve(sessionOn(connection));
      });
    });
  }

  // Made when it is first needed, as its timers would keep a process alive that never used it.
  #ownPool(): Pool {
    if (this.#own !== undefined) return this.#own;
    const { url, clientOptions, connectTimeoutMs, secrets } = this.#options;
    const defaults = { connectTimeout: connectTimeoutMs, charset: "utf8mb4" };
    try {
      this.#own = createPool({ ...defaults, ...clientOptions, uri: url!.href });
    } catch (error) {
      throw invalidOption(`mysql2 refuses clientOptions: ${redact(error, secrets).message}`);
    }
    this.#own.on("connection", (connection) => {
      const live = connection as unknown as MysqlConnection & WithStream;
      this.#sockets.add(live.stream, () => cut(live));
    });
    return this.#own;
  }

  async end(): Promise<void> {
    const pool = this.#own;
    if (pool === undefined) return;
    await this.#sockets.close(new Promise((resolve) => pool.end(resolve)));
  }
}

function sessionOn(connection: MysqlConnection): SqlSession {
  // The pool listens for the first error only; another one would end the process.
  connection.on("error", ignore);
  return {
    send: (statement) => execute(connection, statement),
    release: (isBroken) => {
      if (isBroken) return cut(connection);
      connection.removeListener("error", ignore);
      connection.release();
    },
  };
}

function execute(connection: MysqlConnection, { sql, values }: SqlStatement): Promise<SqlResult> {
  return new Promise((resolve, reject) => {
    connection.execute({ sql, values: [...values], ...SETTINGS }, (error, result) => {
      if (error) reject(error);
      else resolve(resultOf(result));
    });
  });
}

function resultOf(result: unknown): SqlResult {
  if (Array.isArray(result)) return { rows: result, changes: 0 };
  const { affectedRows, info } = result as { affectedRows?: unknown; info?: unknown };
  // A pool without the flag FOUND_ROWS does not count rows whose values stay the same.
  const [, matched] = /^Rows matched: (\d+)/.exec(String(info)) ?? [];
  return { rows: [], changes: Number(matched ?? affectedRows ?? 0) };
}

interface WithStream {
  readonly stream: { destroy(): void; once(event: "close", listener: () => void): unknown };
}

function cut(connection: MysqlConnection): void {
  // Alone, this waits for the server to close its side, which a frozen one never does.
  connection.destroy();
  (connection as Partial<WithStream>).stream?.destroy();
}

function ignore(): void {}
