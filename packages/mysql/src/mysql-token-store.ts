import { BaseTokenStore } from "@tokenkeep/core";
import { createPool, type Pool } from "mysql2";
import type { AdoptionReport } from "./adopt.js";
import { Connections } from "./connections.js";
import { MysqlBackend } from "./mysql-backend.js";
import { checkOptions, type MysqlTokenStoreOptions } from "./options.js";

/** How long a server may take to say goodbye before its connections are cut. */
const GOODBYE_MS = 1000;

/** A token store in MySQL or MariaDB, for any number of processes on any number of hosts. */
export class MysqlTokenStore extends BaseTokenStore {
  readonly #backend: MysqlBackend;

  /**
   * @param options `mysql://user:password@host:port/database`, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | MysqlTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, table, createTable, adoptFrom, secrets } = checked;
    // a pool connects when it is first asked for a connection
    const own = checked.pool === undefined ? createPool(checked.driver) : undefined;
    const connections = new Connections(checked.pool ?? own!, timeoutMs);
    const backend = new MysqlBackend(connections, {
      namespace,
      table,
      createTable,
      timeoutMs,
      secrets,
      adoption: adoptFrom === undefined ? undefined : { from: adoptFrom, namespace },
      end: own === undefined ? undefined : () => end(own, connections),
    });
    super(backend, { namespace, timeoutMs, leaseMs });
    this.#backend = backend;
  }

  /**
   * What became of the rows of Zoho's table that the option `adopt` names, whichever process brought them over.
   * @returns null where the option is not set
   */
  async adoption(): Promise<AdoptionReport | null> {
    await this.ready();
    return this.#backend.adoption();
  }
}

async function end(pool: Pool, connections: Connections): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GOODBYE_MS);
  });
  // a connection that is broken already has nothing to say goodbye with
  const ended = new Promise<void>((resolve) => pool.end(() => resolve()));
  await Promise.race([ended, late]);
  clearTimeout(timer);
  connections.dropAll();
}
