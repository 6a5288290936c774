import {
  isTokenStoreError,
  type OAuthToken,
  type TokenInput,
  type TokenStore,
  TokenStoreError,
} from "@tokenkeep/core";
import { fill, inputOf, type MakeUser, textId } from "./convert.js";
import { type ClassOrModule, classOf, type SdkClasses, type SdkToken, type ZohoTokenStore } from "./sdk.js";

/**
 * Any of our stores as what Zoho's official CRM SDKs, for TypeScript and for Node.js, take for `store`.
 *
 * It only translates: connecting, closing and options are the store's.
 *
 * @param store where the tokens are kept; it is yours to close
 * @param classes the SDK's own `OAuthToken` and `UserSignature`; for the Node.js SDK its `TokenStore` too
 * @returns what `builder.store(…)` takes
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` where a class is missing
 */
export function zohoTokenStore<T extends SdkToken>(
  store: TokenStore,
  classes: SdkClasses<T>,
): ZohoTokenStore<T> {
  if (typeof store?.findToken !== "function") {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "The first argument must be a token store.");
  }
  const Token = classOf(classes?.OAuthToken, "OAuthToken");
  refuseOldSdk(Token);
  const User = classOf(classes.UserSignature, "UserSignature");
  const Base = baseOf(classes.TokenStore);
  const makeUser: MakeUser = (name) => new User(name) as never;
  const make = (record: OAuthToken): T => {
    // as the SDK's own stores do: the class has no way to be made without its arguments
    const token = Reflect.construct(Token as unknown as new () => T, []);
    fill(token, record, makeUser);
    return token;
  };

  class Bridge extends Base implements ZohoTokenStore<T> {
    // the SDK calls `.catch` on what each method returns, so none may throw: all are async
    async findToken(token: T): Promise<T | null> {
      const record = await store.findToken(inputOf(token));
      if (record === null) return null;
      fill(token, record, makeUser);
      return token;
    }

    async findTokenById(id: string): Promise<T> {
      const record = await store.findTokenById(textId(id));
      if (record === null) throw notFound(textId(id));
      return make(record);
    }

    async saveToken(token: T): Promise<void> {
      const { id } = await save(store, inputOf(token));
      if (id !== null) token.setId(id);
    }

    async deleteToken(id: string): Promise<void> {
      await store.deleteToken(textId(id));
    }

    async getTokens(): Promise<T[]> {
      return (await store.getTokens()).map(make);
    }

    async deleteTokens(): Promise<void> {
      await store.deleteTokens();
    }
  }
  return new Bridge();
}

/**
 * Saves, also where the SDK has learned a token's user only now, and that user has a record with this client
 * already. An app must not stop refreshing for that: the token then keeps its record, without the name.
 */
async function save(store: TokenStore, token: TokenInput): Promise<OAuthToken> {
  try {
    return await store.saveToken(token);
  } catch (error) {
    if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
    const id = await nameless(store, token, error);
    if (id === null) throw error;
    return store.saveToken({ ...token, id, userSignature: null });
  }
}

/** The id of the record that is this token's own and has no name; null where the conflict is another one. */
async function nameless(
  store: TokenStore,
  token: TokenInput,
  conflict: TokenStoreError,
): Promise<string | null> {
  if (!token.userSignature?.name) return null;
  // what stands in the way is the name's record; or, where the name led to that one, the token's own
  const id = conflict.property === "userSignature" ? token.id : (conflict.id ?? null);
  if (!id) return null;
  const own = await store.findTokenById(id);
  if (own === null || own.userSignature !== null) return null;
  const isOtherClient = own.clientId !== null && token.clientId && own.clientId !== token.clientId;
  return isOtherClient ? null : id;
}

// The SDKs up to version 2.1 ask their store for other methods, and know a user by an e-mail address.
function refuseOldSdk(Token: { readonly prototype: object }): void {
  if ("getUserSignature" in Token.prototype) return;
  throw new TokenStoreError(
    "ERR_INVALID_OPTIONS",
    "This OAuthToken is of a Zoho SDK of version 2.1 or older, whose token stores have other methods. Use an SDK of " +
      "version 6.0, 7.0 or 8.0, such as @zohocrm/typescript-sdk-8.0; importTokens brings the old tokens along.",
  );
}

function notFound(id: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_INVALID_TOKEN",
    `There is no token with the id ${JSON.stringify(id)} in the store. It was deleted, or the store is another ` +
      "one. Log in with a grant token, or find the token by its user.",
    { property: "id", id },
  );
}

// The TypeScript SDK exports a module of this name too, with nothing in it: there it is a type, not a class.
function baseOf(given: SdkClasses<SdkToken>["TokenStore"]): new () => object {
  const isType = typeof given === "object" && given !== null && !("MasterModel" in given);
  if (given === undefined || isType) return Object;
  return classOf(given as ClassOrModule<new () => object>, "TokenStore");
}
