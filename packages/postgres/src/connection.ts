import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { goodbye, type SqlErrorRule, type SqlPool, type SqlSession } from "@tokenkeep/core/sql";
import pg from "pg";
import { codeOrMessage, RULES } from "./errors.js";
import type { CheckedOptions, PgPool, PgQuery } from "./options.js";

/** The longest attempt to connect, in milliseconds: a proxy may accept connections that nobody answers. */
const MAX_CONNECT_MS = 5000;
/** Rows as text: the pool may have type parsers of its own. */
const AS_TEXT: PgQuery["types"] = { getTypeParser: () => (value) => value };

/** Connections of the caller's pool, or of one that is made, and ended, here. */
export class PostgresPool implements SqlPool {
  readonly rules: readonly SqlErrorRule[] = RULES;
  readonly codeOf: (error: unknown) => string = codeOrMessage;
  readonly #pool: PgPool;
  readonly #own: pg.Pool | undefined;
  readonly #live = new Set<Duplex>();
  readonly #names: Map<string, string> | undefined;

  constructor({ pool, url, clientOptions, timeoutMs, prepare }: CheckedOptions) {
    if (url !== undefined) {
      const connectionTimeoutMillis = Math.min(timeoutMs, MAX_CONNECT_MS);
      const defaults = { connectionTimeoutMillis, keepAlive: true };
      this.#own = new pg.Pool({ ...defaults, ...clientOptions, connectionString: url.href });
      // An idle connection that breaks is replaced when it is needed. Without a listener it would end the process.
      this.#own.on("error", ignore);
      this.#own.on("connect", (client) => {
        const { stream } = (client as pg.Client).connection;
        this.#live.add(stream);
        stream.once("close", () => this.#live.delete(stream));
      });
    }
    this.#pool = pool ?? this.#own!;
    this.#names = prepare ? new Map() : undefined;
  }

  async connect(): Promise<SqlSession> {
    const client = await this.#pool.connect();
    // A connection that breaks while it is used emits this too, besides failing the statement.
    client.on("error", ignore);
    return {
      send: async ({ sql, values }) => {
        const query = { text: sql, values: [...values], rowMode: "array" as const, types: AS_TEXT };
        const name = this.#nameOf(sql);
        // Of several statements at once, pg returns an array of results.
        const result = await client.query(name === undefined ? query : { ...query, name });
        return { rows: (result.rows ?? []) as unknown[][], changes: result.rowCount ?? 0 };
      },
      release: (isBroken) => {
        client.release(isBroken);
        client.removeListener("error", ignore);
      },
    };
  }

  async end(): Promise<void> {
    if (this.#own === undefined) return;
    await goodbye(this.#own.end());
    for (const stream of this.#live) stream.destroy();
  }

  // The same text has the same name in every store, as a connection may serve several.
  #nameOf(sql: string): string | undefined {
    if (this.#names === undefined) return undefined;
    let name = this.#names.get(sql);
    if (name === undefined) {
      name = `tokenkeep_${createHash("sha256").update(sql).digest("hex").slice(0, 32)}`;
      this.#names.set(sql, name);
    }
    return name;
  }
}

function ignore(): void {}
