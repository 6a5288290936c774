// A user's program, type-checked against the tarballs. Nothing in it may turn out to be `any`.
import type { runConformance } from "@tokenkeep/conformance";
import { isTokenStoreError, type OAuthToken, type TokenStore, TokenStoreError } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { RedisTokenStore } from "@tokenkeep/redis";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { fromZohoFile, importTokens, type zohoTokenStore } from "@tokenkeep/zoho-crm";
import Database from "better-sqlite3";
import { Cluster, Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { createPool } from "mysql2";
import { createPool as createPromisePool } from "mysql2/promise";

export const stores: TokenStore[] = [
  new MemoryTokenStore(),
  new FileTokenStore("tokens.jsonl"),
  new SqliteTokenStore({ path: "tokens.db", synchronous: "NORMAL" }),
  new SqliteTokenStore({ database: new Database(":memory:") }),
  new RedisTokenStore({ client: new Redis() }),
  new RedisTokenStore({ client: new Cluster([]) }),
  new MysqlTokenStore({ pool: createPool("mysql://localhost/app") }),
  new MysqlTokenStore({ pool: createPromisePool("mysql://localhost/app") }),
  new MongoTokenStore({ client: new MongoClient("mongodb://localhost/app") }),
];

export async function refresh(store: TokenStore): Promise<string | null> {
  const token: OAuthToken | null = await store.findToken({ userSignature: { name: "ann" }, clientId: "app" });
  // @ts-expect-error no such property
  token?.expiresInSeconds;
  // @ts-expect-error a wire value is not stored
  await store.saveToken({ refreshToken: "r", expiresIn: 3600 });
  // @ts-expect-error an option of no store
  new SqliteTokenStore({ path: "tokens.db", synchronize: true });
  try {
    return (await store.saveToken({ ...token?.toPlain(), accessToken: "a" }, { ifRevision: 1 })).accessToken;
  } catch (error) {
    if (!isTokenStoreError(error)) throw error;
    // @ts-expect-error a code that is not of the list
    return error.code === "ERR_WHATEVER" ? null : error.message;
  }
}

export async function importFile(store: TokenStore): Promise<number> {
  const { saved, problems } = await importTokens(store, fromZohoFile("sdk_tokens.txt"));
  return saved + problems.length;
}

export async function accessToken(store: TokenStore): Promise<string> {
  const provider = oauth2Provider({ issuer: "https://login.example.com", clientId: "app" });
  const tokens = new TokenManager(store, provider, { origins: ["https://api.example.com"] });
  // @ts-expect-error a user has a name
  await tokens.getAccessToken({ user: "ann" });
  return tokens.getAccessToken({ userSignature: { name: "ann" }, clientId: "app" });
}

export type Bridge = ReturnType<typeof zohoTokenStore>;
export type Summary = Awaited<ReturnType<typeof runConformance>>["summary"];
export class MyError extends TokenStoreError {}
