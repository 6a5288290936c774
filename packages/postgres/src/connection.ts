import { opaqueKey } from "@tokenkeep/core/backend";
import {
  codeOrMessage,
  Sockets,
  type SqlErrorRule,
  type SqlPool,
  type SqlSession,
} from "@tokenkeep/core/sql";
import pg from "pg";
import { RULES } from "./errors.js";
import type { CheckedOptions, PgClient, PgPool } from "./options.js";

/** Rows as text in arrays, whatever type parsers the pool has. */
const AS_TEXT = { rowMode: "array", types: { getTypeParser: () => (value: string) => value } };

/** Connections of the caller's pool, or of one that is made, and ended, here. */
export class PostgresPool implements SqlPool {
  readonly rules: readonly SqlErrorRule[] = RULES;
  readonly codeOf: (error: unknown) => string = codeOrMessage;
  readonly #pool: PgPool;
  readonly #own: pg.Pool | undefined;
  readonly #sockets = new Sockets();
  readonly #prepare: boolean;

  constructor({ pool, url, clientOptions, connectTimeoutMs, prepare }: CheckedOptions) {
    this.#prepare = prepare;
    if (url !== undefined) {
      const defaults = { connectionTimeoutMillis: connectTimeoutMs, keepAlive: true };
      this.#own = new pg.Pool({ ...defaults, ...clientOptions, connectionString: url.href });
      // An idle connection that breaks is replaced when it is needed.
      this.#own.on("error", ignore);
      this.#own.on("connect", (client) => {
        const { stream } = (client as pg.Client).connection;
        this.#sockets.add(stream, () => stream.destroy());
      });
    }
    this.#pool = pool ?? this.#own!;
  }

  connect(): Promise<SqlSession> {
    return new Promise((resolve, reject) => {
      // With a promise, a server that ends the connection in the same packet would find no listener yet.
      this.#pool.connect((error, client) => {
        if (client === undefined) reject(error);
        else resolve(this.#sessionOn(client));
      });
    });
  }

  #sessionOn(client: PgClient): SqlSession {
    // A connection that breaks emits this, besides failing the statement. Without a listener it would end the process.
    client.on("error", ignore);
    return {
      send: async ({ sql, values }) => {
        // The same text has the same name in every store, as a connection may serve several.
        const name = this.#prepare ? { name: `tokenkeep_${opaqueKey(sql)}` } : {};
        const result = await client.query({ text: sql, values: [...values], ...AS_TEXT, ...name });
        // Of several statements at once, pg returns an array of results.
        return { rows: (result.rows ?? []) as unknown[][], changes: result.rowCount ?? 0 };
      },
      release: (isBroken) => {
        client.release(isBroken);
        client.removeListener("error", ignore);
      },
    };
  }

  async end(): Promise<void> {
    if (this.#own !== undefined) await this.#sockets.close(this.#own.end());
  }
}

function ignore(): void {}
