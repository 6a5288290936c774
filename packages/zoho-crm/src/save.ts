import {
  isTokenStoreError,
  type OAuthToken,
  type TokenInput,
  type TokenStore,
  type TokenStoreError,
} from "@tokenkeep/core";
import { changesOf } from "./convert.js";

/**
 * Saves what the SDK has changed in its token since it was read.
 * @returns the record; null if another login has come since, so that there was nothing to save: an access token of the
 *   old one would take the place of the new one's
 */
export async function saveChanges(
  store: TokenStore,
  origin: OAuthToken,
  input: TokenInput,
): Promise<OAuthToken | null> {
  const changes = changesOf(origin, input);
  if (changes.accessToken && !changes.refreshToken && origin.id !== null) {
    const now = await store.findTokenById(origin.id);
    if (now !== null && now.refreshToken !== origin.refreshToken) return null;
  }
  return save(store, origin.with(changes));
}

/**
 * Saves. The SDK may learn a token's user only now, when that user has a record with this client already. An app must not
 * stop refreshing for that: the token then keeps its own record, without the name.
 */
export async function save(store: TokenStore, token: TokenInput): Promise<OAuthToken> {
  try {
    return await store.saveToken(token);
  } catch (error) {
    if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
    const id = await nameless(store, token, error);
    if (id === null) throw error;
    return store.saveToken({ ...token, id, userSignature: null });
  }
}

/** The id of the record that is this token's own and has no name; null if the conflict is another one. */
async function nameless(
  store: TokenStore,
  token: TokenInput,
  conflict: TokenStoreError,
): Promise<string | null> {
  if (!token.userSignature?.name) return null;
  // the conflict is with the record of the name or, if the name found that record, with the token's own
  const id = conflict.property === "userSignature" ? token.id : (conflict.id ?? null);
  if (!id) return null;
  const own = await store.findTokenById(id);
  if (own === null || own.userSignature !== null) return null;
  const isOtherClient = own.clientId !== null && token.clientId && own.clientId !== token.clientId;
  return isOtherClient ? null : id;
}
