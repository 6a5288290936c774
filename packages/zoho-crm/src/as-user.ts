import { AsyncLocalStorage } from "node:async_hooks";
import { TokenStoreError } from "@tokenkeep/core";
import { checkOptionNames } from "@tokenkeep/core/backend";
import { type ClassOrModule, classOf } from "./sdk.js";

/** The current user of one asynchronous context: what the SDK keeps in two variables of its `Initializer`. */
class Context {
  initializer: unknown;
  readonly LOCAL = new Map<unknown, unknown>();
  /** Ends with the last `switchUser`, however it ends. */
  switched: Promise<unknown> = Promise.resolve();
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

const SETTINGS = ["environment", "token", "store", "sdkConfig", "resourcePath", "logger", "requestProxy"];

/** The parts of an SDK's `Initializer` that are used: where it keeps the current user. */
interface SdkInitializer {
  initializer: unknown;
  LOCAL: Map<unknown, unknown>;
  getInitializer(): Promise<unknown>;
  switchUser(...settings: unknown[]): Promise<unknown>;
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
  /** A `Logger` of the SDK's; by default none. The SDK has one for the whole process: give the same one always. */
  readonly logger?: object | undefined;
  /** A `RequestProxy` of the SDK's. */
  readonly requestProxy?: object | undefined;
}

/**
 * Runs `work` as one user of the SDK: initialises the SDK for that user, and keeps it so for everything that `work`
 * awaits or starts, whatever other users do in this process at the same time. A `switchUser` inside ends with `work`.
 *
 * The SDK has one current user for the whole process. Here each asynchronous context has its own
 * (`AsyncLocalStorage`). Outside of `asUser` the SDK works as before. A listener runs in the context of whoever emits the
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
  return context.run(new Context(), async () => {
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

/** Makes the SDK look for its current user in the context, once per SDK. Outside of any, nothing changes. */
function contextsOf(Initializer: SdkInitializer): AsyncLocalStorage<Context> {
  const known = Initializer[CONTEXTS];
  if (known !== undefined) return known;
  const contexts = new AsyncLocalStorage<Context>();
  const outside = { initializer: Initializer.initializer, LOCAL: Initializer.LOCAL };
  const current = () => contexts.getStore() ?? outside;
  Object.defineProperties(Initializer, {
    initializer: {
      get: () => current().initializer,
      set: (initializer: unknown) => {
        current().initializer = initializer;
      },
    },
    LOCAL: { get: () => current().LOCAL },
    [CONTEXTS]: { value: contexts },
  });

  // The SDK looks into LOCAL first, where `switchUser` leaves B under A's name: after A, B and A again, it finds B.
  const { getInitializer, switchUser } = Initializer;
  Initializer.getInitializer = async function (this: unknown) {
    const context = contexts.getStore();
    if (context === undefined) return getInitializer.call(this);
    await context.switched;
    return context.initializer;
  };
  // The builder of the Node.js SDK does not wait for the switch, so that the next call would still be the old user's.
  Initializer.switchUser = async function (this: unknown, ...settings: unknown[]) {
    const context = contexts.getStore();
    if (context === undefined) return switchUser.apply(this, settings);
    const next = new Context();
    next.initializer = context.initializer;
    const done = contexts.run(next, () => switchUser.apply(this, settings));
    context.switched = done.then(
      () => {
        context.initializer = next.initializer;
      },
      () => {},
    );
    await done;
    await context.switched;
  };
  return contexts;
}

function checkSettings(settings: UserSettings): void {
  checkOptionNames("asUser", settings, SETTINGS);
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
