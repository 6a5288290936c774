import { Session } from "@shopify/shopify-api";
import type { Candidate } from "./bench.js";
import { tokenOf } from "./tokens.js";

/** The largest size at which alternatives are measured: filling them takes long, and ours is compared there. */
export const LARGEST = 10_000;

/** The part of keyv that is used. */
interface KeyvStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

/** The part of a Shopify session storage that is used. */
interface SessionStorage {
  loadSession(id: string): Promise<unknown>;
  storeSession(session: Session): Promise<unknown>;
}

type Described = Pick<Candidate, "name" | "size" | "durability">;

/** The key under which a user of keyv would keep the token number `i`. */
function keyvKey(i: number): string {
  const { userSignature, clientId } = tokenOf(i);
  return `${userSignature.name}:${clientId}`;
}

/** keyv, filled: it overwrites one key, unread. */
export async function keyvCandidate(described: Described, keyv: KeyvStore): Promise<Candidate> {
  const save = (i: number, version: number) => keyv.set(keyvKey(i), tokenOf(i, version));
  await fill(described.size, (i) => save(i, 0));
  return {
    ...described,
    kind: "alternative",
    jobs: { find: (i) => keyv.get(keyvKey(i)), save, "save a copy": save },
    // All adapters of one server may share a pool, which can be ended only once.
    close: () => keyv.disconnect().catch(() => {}),
  };
}

/** A session that holds what the token number `i` holds. */
function sessionOf(i: number, version = 0): Session {
  const { accessToken, refreshToken, expiresAt } = tokenOf(i, version);
  return new Session({
    id: `session-${i}`,
    shop: `shop${i}.myshopify.com`,
    state: "0123456789abcdef0123456789abcdef",
    isOnline: false,
    scope: "read_products,write_products",
    accessToken: String(accessToken),
    refreshToken: String(refreshToken),
    expires: new Date(Number(expiresAt)),
  });
}

/** A Shopify session storage, filled: it overwrites one session, unread. */
export async function shopifyCandidate(
  described: Omit<Described, "name">,
  storage: SessionStorage,
  close: () => unknown,
): Promise<Candidate> {
  const save = (i: number, version: number) => storage.storeSession(sessionOf(i, version));
  await fill(described.size, (i) => save(i, 0));
  return {
    ...described,
    name: "Shopify's session storage",
    kind: "alternative",
    jobs: { find: (i) => storage.loadSession(`session-${i}`), save, "save a copy": save },
    close,
  };
}

/** Saves the tokens below `size`, many at a time. */
export async function fill(size: number, save: (i: number) => unknown, atOnce = 200): Promise<void> {
  for (let i = 0; i < size; i += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, size - i) }, (_, j) => save(i + j)));
  }
}
