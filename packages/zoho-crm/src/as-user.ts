import { AsyncLocalStorage } from "node:async_hooks";
import { TokenStoreError } from "@tokenkeep/core";
import { type ClassOrModule, classOf } from "./sdk.js";

/** The current user of one asynchronous context. */
interface Context {
  initializer: unknown;
}

/** Where an SDK's `Initializer` has its contexts: known to every copy of this package. */
const CONTEXTS: unique symbol = Symbol.for("tokenkeep.zoho.contexts");

/** The parts of an SDK's `InitializeBuilder` that are used. Each method returns the builder. */
interface SdkBuilder {
  environment(environment: never): unknown;
  token(token: never): unknown;
  store(store: never): unknown;
  SDKConfig(config: never): unknown;
  resourcePath(path: never): unknown;
  logger(logger: never): unknown;
  requestProxy(proxy: never): unknown;
  initialize(): Promise<unknown>;
}

/** The part of an SDK's `Initializer` that is used: where it keeps the current user. */
interface SdkInitializer {
  initializer: unknown;
  LOCAL: Map<unknown, unknown>;
  [CONTEXTS]?: AsyncLocalStorage<Context>;
}

/** What {@link asUser} needs of an SDK. The SDK's whole namespace will do. */
export interface UserSdk {
  /** The SDK's `Initializer`. */
  readonly Initializer: ClassOrModule<object>;
  /** The SDK's `InitializeBuilder`. */
  readonly InitializeBuilder: ClassOrModule<new () => object>;
}

/** What the SDK's `InitializeBuilder` takes. */
export interface UserSettings {
  /** Where to send requests, such as `USDataCenter.PRODUCTION()`. */
  readonly environment: object;
  /** Whose requests they are: an `OAuthToken` of the SDK's, with the user, the id or a token value. */
  readonly token: object;
  /** What `zohoTokenStore` returned. */
  readonly store: object;
  /** An `SDKConfig` of the SDK's. */
  readonly sdkConfig?: object | undefined;
  /** The directory in which the SDK caches the fields of modules. */
  readonly resourcePath?: string | undefined;
  /** A `Logger` of the SDK's. */
  readonly logger?: object | undefined;
  /** A `RequestProxy` of the SDK's. */
  readonly requestProxy?: object | undefined;
}

/**
 * Remembers nothing. The SDKs remember initializers by the user who was current *before* a switch, which is how
 * `switchUser` to B and back to A ends with B's token. Without that memory they take the current one.
 */
class NoMemory extends Map<unknown, unknown> {
  override set(): this {
    return this;
  }
}

/**
 * Runs `work` as one user of the SDK: initialises the SDK for that user, and keeps it so for everything that `work`
 * awaits or starts, whatever other users do in this process at the same time. A `switchUser` inside ends with `work`.
 *
 * The SDK has one current user for the whole process. Here each asynchronous context has its own
 * (`AsyncLocalStorage`). Outside of `asUser` the SDK works as ever. A listener runs in the context of whoever emits the
 * event; bind it if it is to be the one that registered it: `emitter.on(name, AsyncResource.bind(listener))`.
 *
 * @param sdk the SDK
 * @param settings what the SDK's `InitializeBuilder` takes
 * @param work what to do as this user
 * @returns what `work` returns
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` if something of the SDK or a setting is missing. What the SDK or `work`
 *   throws passes as it is
 */
export async function asUser<T>(
  sdk: UserSdk,
  settings: UserSettings,
  work: () => T | Promise<T>,
): Promise<T> {
  const Builder = classOf(sdk?.InitializeBuilder, "InitializeBuilder");
  const context = contextsOf(classOf(sdk.Initializer, "Initializer") as unknown as SdkInitializer);
  checkSettings(settings);
  if (typeof work !== "function") throw invalid("The work of asUser must be a function.");
  return context.run({ initializer: undefined }, async () => {
    // awaited, as the SDK asks: its constructor is asynchronous
    const builder = (await new Builder()) as SdkBuilder;
    const { environment, token, store, sdkConfig, resourcePath, logger, requestProxy } = settings;
    builder.environment(environment as never);
    builder.token(token as never);
    builder.store(store as never);
    if (sdkConfig !== undefined) builder.SDKConfig(sdkConfig as never);
    if (resourcePath !== undefined) builder.resourcePath(resourcePath as never);
    if (logger !== undefined) builder.logger(logger as never);
    if (requestProxy !== undefined) builder.requestProxy(requestProxy as never);
    await builder.initialize();
    return work();
  });
}

/** Puts the SDK's two variables for the current user into the context, once per SDK. */
function contextsOf(Initializer: SdkInitializer): AsyncLocalStorage<Context> {
  const known = Initializer[CONTEXTS];
  if (known !== undefined) return known;
  const context = new AsyncLocalStorage<Context>();
  let outside = Initializer.initializer;
  Object.defineProperty(Initializer, "initializer", {
    get: () => {
      const current = context.getStore();
      return current === undefined ? outside : current.initializer;
    },
    set: (initializer: unknown) => {
      const current = context.getStore();
      if (current === undefined) outside = initializer;
      else current.initializer = initializer;
    },
    configurable: true,
    enumerable: true,
  });
  const memory = Initializer.LOCAL;
  const none = new NoMemory();
  Object.defineProperty(Initializer, "LOCAL", {
    get: () => (context.getStore() === undefined ? memory : none),
    configurable: true,
    enumerable: true,
  });
  Object.defineProperty(Initializer, CONTEXTS, { value: context });
  return context;
}

function checkSettings(settings: UserSettings): void {
  for (const name of ["environment", "token", "store"] as const) {
    const value: unknown = settings?.[name];
    if (typeof value !== "object" || value === null) {
      throw invalid(`The setting "${name}" of asUser must be what the SDK's InitializeBuilder takes for it.`);
    }
  }
}

function invalid(message: string): TokenStoreError {
  return new TokenStoreError("ERR_INVALID_OPTIONS", message);
}
