// A project as `npm init` and `tsc --init` make it: no @types/node, and declarations are checked.
import { type EncryptionOptions, isTokenStoreError, type TokenStore } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { oauth2Provider, TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";

const encryption: EncryptionOptions = { keys: [{ id: "2026-11", key: new Uint8Array(32) }] };
const store: TokenStore = new MemoryTokenStore();
export const stores: TokenStore[] = [
  store,
  new FileTokenStore({ path: "tokens.jsonl", encryption }),
  new SqliteTokenStore("tokens.db"),
];
export const tokens = new TokenManager(store, oauth2Provider({ issuer: "https://login.example.com" }));
export const isOurs: boolean = isTokenStoreError(new Error("x"));
