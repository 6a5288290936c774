import type { MysqlConnection, Settings } from "./pool.js";

export type Value = string | number | null;

export interface Result {
  readonly rows: readonly (readonly unknown[])[];
  readonly affectedRows: number;
  readonly insertId: number;
}

/** What a callback gets. */
export type Failed = [error: Error, nothing: undefined];
export type Got<T> = [error: null, what: T];

/** What the caller's pool is set to must not change what comes back. */
const SETTINGS: Settings = {
  rowsAsArray: true,
  // mysql2 takes `true` for nothing said where the pool has a function
  typeCast: (_field, read) => read(),
  nestTables: false,
  namedPlaceholders: false,
};

/** Sends one statement: with values as a prepared one, without as it stands. */
export function execute(
  connection: MysqlConnection,
  sql: string,
  values: readonly Value[] | undefined,
  replied: (...reply: Failed | Got<Result>) => void,
): void {
  const callback = (error: Error | null | undefined, result?: unknown) => {
    if (error !== null && error !== undefined) replied(error, undefined);
    else replied(null, resultOf(result));
  };
  try {
    if (values === undefined) connection.query({ sql, ...SETTINGS }, callback);
    // to merge a statement's settings with its own takes mysql2 longer than all that a find takes this store
    else if (hasDefaults(connection)) connection.execute(sql, [...values], callback);
    else connection.execute({ sql, values: [...values], ...SETTINGS }, callback);
  } catch (error) {
    callback(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Whether rows come with a property for each column, and nothing in between. */
function hasDefaults(connection: MysqlConnection): boolean {
  const config = connection.config as Partial<Record<keyof Settings, unknown>> | undefined;
  return config?.typeCast === true && config.nestTables === undefined && config.rowsAsArray === false;
}

function resultOf(result: unknown): Result {
  if (Array.isArray(result)) return { rows: result.map(valuesOf), affectedRows: 0, insertId: 0 };
  const { affectedRows, insertId } = result as { affectedRows?: unknown; insertId?: unknown };
  return { rows: [], affectedRows: Number(affectedRows ?? 0), insertId: Number(insertId ?? 0) };
}

/** A row's values in the order of its columns, of which no two have one name. */
function valuesOf(row: object): unknown[] {
  return Array.isArray(row) ? row : Object.values(row);
}
