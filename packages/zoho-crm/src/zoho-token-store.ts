import {
  isTokenStoreError,
  type OAuthToken,
  type TokenInput,
  type TokenStore,
  TokenStoreError,
} from "@tokenkeep/core";
import { checkOptionNames, invalidOption } from "@tokenkeep/core/backend";
import type { TokenManagerOptions } from "@tokenkeep/oauth2";
import { fill, inputOf, type MakeUser, textId } from "./convert.js";
import { ImportedRows, remembersRows } from "./import/imported-rows.js";
import { Refresher } from "./refresher.js";
import { save, saveChanges } from "./save.js";
import { type ClassOrModule, classOf, type SdkClasses, type SdkToken, type ZohoTokenStore } from "./sdk.js";

/** What {@link zohoTokenStore} does beyond storing. */
export interface ZohoTokenStoreOptions {
  /**
   * Refresh expired tokens here, once for all calls and processes, so that the SDK never does it; by default false. The
   * options of its `TokenManager` instead of `true` set time limits, and tell when a user has to log in again.
   */
  readonly refresh?: boolean | TokenManagerOptions | undefined;
}

/**
 * Any of our stores as what Zoho's official CRM SDKs, for TypeScript and for Node.js, take for `store`.
 *
 * It only translates: connecting, closing and options are the store's. With `{ refresh: true }` it also refreshes
 * expired tokens before the SDK sees them.
 *
 * @param store where the tokens are kept; it is yours to close
 * @param classes the SDK's own `OAuthToken` and `UserSignature`; for the Node.js SDK its `TokenStore` too; for `refresh`
 *   its `Initializer`. The SDK's whole namespace will do
 * @param options whether to refresh
 * @returns what `builder.store(…)` takes
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` if a class is missing or is an SDK's of version 2.1 or older;
 *   `ERR_UNSUPPORTED` for `refresh` on a store without locks
 */
export function zohoTokenStore<T extends SdkToken>(
  store: TokenStore,
  classes: SdkClasses<T>,
  options: ZohoTokenStoreOptions = {},
): ZohoTokenStore<T> {
  if (typeof store?.findToken !== "function") {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "The first argument must be a token store.");
  }
  const Token = classOf(classes?.OAuthToken, "OAuthToken");
  refuseOldSdk(Token);
  const User = classOf(classes.UserSignature, "UserSignature");
  const Base = baseOf(classes.TokenStore);
  const refresher = refresherOf(store, classes, options);
  const makeUser: MakeUser = (name) => new User(name) as never;
  // What each of the SDK's tokens was read or saved as, so that a save knows what the SDK has changed.
  const origins = new WeakMap<T, OAuthToken>();
  const fillFrom = (token: T, record: OAuthToken): T => {
    fill(token, record, makeUser);
    origins.set(token, record);
    return token;
  };
  // as the SDK's own stores do: the class has no way to be made without its arguments
  const make = (record: OAuthToken): T =>
    fillFrom(Reflect.construct(Token as unknown as new () => T, []), record);

  class Bridge extends Base implements ZohoTokenStore<T> {
    // the SDK calls `.catch` on what each method returns, so none may throw: all are async
    async findToken(token: T): Promise<T | null> {
      const record = await store.findToken(inputOf(token));
      if (record === null) return null;
      try {
        return fillFrom(token, (await refresher?.fresh(record, token)) ?? record);
      } catch (error) {
        // the SDK goes on with the grant or refresh token that the program has from a new login
        if (isLoginRequired(error) && bringsLogin(inputOf(token), record)) return null;
        throw error;
      }
    }

    async findTokenById(id: string): Promise<T> {
      const record = await store.findTokenById(textId(id));
      if (record === null) throw notFound(textId(id));
      return make((await refresher?.fresh(record)) ?? record);
    }

    async saveToken(token: T): Promise<void> {
      const input = inputOf(token);
      const origin = origins.get(token);
      const isOrigin = origin !== undefined && (input.id || origin.id) === origin.id;
      const saved = isOrigin ? await saveChanges(store, origin, input) : await save(store, input);
      // null: another login has come since. The SDK's token stays a copy of the old one.
      if (saved !== null) origins.set(token, saved);
      const id = (saved ?? origin)?.id;
      if (id) token.setId(id);
    }

    async deleteToken(id: string): Promise<void> {
      await store.deleteToken(textId(id));
    }

    async getTokens(): Promise<T[]> {
      return (await store.getTokens()).filter((record) => !remembersRows(record)).map(make);
    }

    async deleteTokens(): Promise<void> {
      const imported = await ImportedRows.of(store);
      await store.deleteTokens();
      await imported.restore();
    }

    async close(): Promise<void> {
      await refresher?.close();
    }
  }
  return new Bridge();
}

function refresherOf(
  store: TokenStore,
  { Initializer }: Pick<SdkClasses<SdkToken>, "Initializer">,
  options: ZohoTokenStoreOptions,
): Refresher | undefined {
  checkOptionNames("zohoTokenStore", options, ["refresh"]);
  const { refresh = false } = options;
  if (refresh === false) return undefined;
  if (refresh !== true && (typeof refresh !== "object" || refresh === null)) {
    throw invalidOption("refresh must be true, false or the options of a TokenManager.");
  }
  return new Refresher(store, Initializer, refresh === true ? {} : refresh);
}

function isLoginRequired(error: unknown): boolean {
  return isTokenStoreError(error) && error.code === "ERR_LOGIN_REQUIRED";
}

/** Whether the program has given the SDK a grant or refresh token that the record does not have. */
function bringsLogin({ grantToken, refreshToken }: TokenInput, record: OAuthToken): boolean {
  return Boolean(
    (grantToken && grantToken !== record.grantToken) ||
      (refreshToken && refreshToken !== record.refreshToken),
  );
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
