import { randomUUID } from "node:crypto";
import { PostgresTokenStore, type PostgresTokenStoreOptions } from "@tokenkeep/postgres";
import pg from "pg";

export function freshName(): string {
  return `t_${randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

/** Runs SQL on a connection of its own, as the server's administrator. */
export async function sql(url: string, text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text, values)).rows ?? [];
  } finally {
    await client.end();
  }
}

/** The same URL for another user, port or database. */
export function urlWith(
  url: string,
  parts: Partial<Pick<URL, "username" | "password" | "port" | "pathname" | "hostname" | "search">>,
): string {
  return Object.assign(new URL(url), parts).href;
}

/** Waits; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A store that waits for a busy machine, unless a test says otherwise. */
export function open(options: PostgresTokenStoreOptions): PostgresTokenStore {
  return new PostgresTokenStore({ timeoutMs: 50_000, ...options });
}
