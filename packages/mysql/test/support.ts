import { randomUUID } from "node:crypto";
import { MysqlTokenStore, type MysqlTokenStoreOptions } from "@tokenkeep/mysql";
import { describeOnServer, type TestServer } from "@tokenkeep/test-servers";
import { createConnection } from "mysql2/promise";

/** Registers the same tests on MySQL and on MariaDB. */
export async function describeOnBoth(register: (server: TestServer) => void | Promise<void>): Promise<void> {
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

/** A new user with these privileges, and the URL to connect as that user. */
export async function userWith(url: string, grants: readonly string[], limits = ""): Promise<string> {
  const user = freshTable();
  await sql(url, `CREATE USER '${user}'@'%' IDENTIFIED BY 'user-password' ${limits}`);
  for (const grant of grants) await sql(url, `GRANT ${grant} TO '${user}'@'%'`);
  return urlWith(url, { username: user, password: "user-password" });
}

/** The same URL for another user, port or database. */
export function urlWith(
  url: string,
  parts: Partial<Pick<URL, "username" | "password" | "hostname" | "port" | "pathname">>,
): string {
  return Object.assign(new URL(url), parts).href;
}

/** Waits; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A store that waits for a busy machine, unless a test says otherwise. */
export function open(options: MysqlTokenStoreOptions): MysqlTokenStore {
  return new MysqlTokenStore({ timeoutMs: 50_000, ...options });
}
