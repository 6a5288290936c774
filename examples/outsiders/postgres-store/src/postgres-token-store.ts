import { BaseTokenStore, checkStoreOptions, invalidOption, type StoreOptions } from "@tokenkeep/core";
import pg from "pg";
import { PostgresBackend } from "./postgres-backend.js";

export interface PostgresTokenStoreOptions extends StoreOptions {
  /** `postgres://user:password@host/database` */
  readonly url?: string;
  /** A pool that is open already. It is not closed, and its time limits are its own. */
  readonly pool?: pg.Pool;
  /** The schema that the tables are in, made if it is not there. By default the first of the search path. */
  readonly schema?: string;
}

/** OAuth tokens in PostgreSQL, for any number of processes. */
export class PostgresTokenStore extends BaseTokenStore {
  /** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
  constructor(options: string | PostgresTokenStoreOptions) {
    const given = typeof options === "string" ? { url: options } : options;
    const common = checkStoreOptions(given, ["url", "pool", "schema"]);
    const { url, pool: own, schema } = given;
    if ((url === undefined) === (own === undefined)) throw invalidOption("Give a url, or a pool.");
    if (own !== undefined && typeof own?.query !== "function") throw invalidOption("pool must be a pg.Pool.");
    checkSchema(schema);
    const { namespace, timeoutMs } = common;
    const secrets = url === undefined ? [] : passwordsOf(url);
    const pool = own ?? connect(url!, timeoutMs);
    const end = async () => {
      if (own === undefined) await pool.end();
    };
    super(new PostgresBackend(pool, { namespace, schema, secrets, end }), common);
  }
}

function connect(url: string, timeoutMs: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  // an idle connection that breaks is replaced when one is needed; without a listener it would end the process
  pool.on("error", () => {});
  return pool;
}

/** The password as it stands in the URL, and as it is sent. */
function passwordsOf(url: string): string[] {
  try {
    const { protocol, password } = new URL(url);
    if (/^postgres(ql)?:$/.test(protocol)) return [password, decodeURIComponent(password)];
  } catch {
    // what is wrong with it might show the password
  }
  throw invalidOption("url must be postgres://user:password@host/database.");
}

function checkSchema(schema: unknown): void {
  if (schema === undefined) return;
  const isName = typeof schema === "string" && schema !== "" && !schema.includes("\0");
  // PostgreSQL would cut a longer one off
  if (!isName || Buffer.byteLength(schema) > 63) {
    throw invalidOption("schema must be the name of a schema, of up to 63 bytes.");
  }
}
