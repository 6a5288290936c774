// By itself: the declarations of pg need a newer TypeScript than ours do.
import type { TokenStore } from "@tokenkeep/core";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { Pool } from "pg";

export const stores: TokenStore[] = [
  new PostgresTokenStore("postgres://localhost/app"),
  new PostgresTokenStore({ pool: new Pool() }),
];
// @ts-expect-error an option of no store
new PostgresTokenStore({ url: "postgres://localhost/app", table: "tokens" });
