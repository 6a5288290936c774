import type { BetterSqliteDatabase } from "@tokenkeep/sqlite";

export function openDatabase(
  path: string,
  options?: { timeout?: number; bigints?: boolean },
): BetterSqliteDatabase;
export function isOpen(database: BetterSqliteDatabase): boolean;
export function firstValue(database: BetterSqliteDatabase, sql: string): unknown;
export function isBusy(error: unknown): boolean;
