import { Session } from "@shopify/shopify-api";
import { tokenOf } from "./tokens.js";

/** The key under which a user of keyv would keep the token number `i`. */
export function keyvKey(i: number): string {
  const { userSignature, clientId } = tokenOf(i);
  return `${userSignature.name}:${clientId}`;
}

/** The id of the session number `i`, as Shopify's storages look one up. */
export const sessionId = (i: number): string => `session-${i}`;

/** A session that holds what the token number `i` holds. */
export function sessionOf(i: number, version = 0): Session {
  const { accessToken, refreshToken, expiresAt } = tokenOf(i, version);
  return new Session({
    id: sessionId(i),
    shop: `shop${i}.myshopify.com`,
    state: "0123456789abcdef0123456789abcdef",
    isOnline: false,
    scope: "read_products,write_products",
    accessToken: String(accessToken),
    refreshToken: String(refreshToken),
    expires: new Date(Number(expiresAt)),
  });
}

/** Saves the tokens below `size`, a hundred at a time: all at once would be one queue of 100,000 calls. */
export async function fill(size: number, save: (i: number) => unknown, atOnce = 100): Promise<void> {
  for (let i = 0; i < size; i += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, size - i) }, (_, j) => save(i + j)));
  }
}
