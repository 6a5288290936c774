import { randomUUID } from "node:crypto";
import { describeOnServer, type TestServer } from "@tokenkeep/test-servers";
import { createConnection } from "mysql2/promise";

/** Registers the same tests on MySQL and on MariaDB. */
export async function describeOnBoth(register: (server: TestServer) => void): Promise<void> {
  await describeOnServer("mysql", register);
  await describeOnServer("mariadb", register);
}

export function freshTable(): string {
  return `t_${randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

/** Runs one statement on a connection of its own, as the server's administrator. */
export async function sql(
  url: string,
  statement: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const connection = await createConnection(url);
  try {
    return (await connection.query(statement, values))[0] as Record<string, unknown>[];
  } finally {
    await connection.end();
  }
}

/** The same URL for another user, port or database. */
export function urlWith(
  url: string,
  parts: Partial<Pick<URL, "username" | "password" | "port" | "pathname">>,
): string {
  return Object.assign(new URL(url), parts).href;
}
