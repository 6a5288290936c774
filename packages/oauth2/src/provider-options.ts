import { checkFunction, invalidOption } from "@tokenkeep/core/backend";
import type { CommonProviderOptions, OAuth2ProviderOptions } from "./oauth2-provider.js";
import { isSafeUrl, isUrl } from "./response.js";

const COMMON = [
  "issuer",
  "tokenEndpoint",
  "revocationEndpoint",
  "fetch",
  "clientId",
  "clientSecret",
  "clientPrivateKey",
  "clientAuthentication",
  "defaultLifetimeMs",
  "scope",
  "resource",
  "parameters",
  "conform",
  "classify",
];

const METHODS = [
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth",
  "none",
];

/**
 * Checks the options of a provider.
 * @param options what the caller gave
 * @param own names that only this kind of provider has
 * @returns the issuer that records are bound to
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkProviderOptions(options: CommonProviderOptions, own: readonly string[]): string {
  if (typeof options !== "object" || options === null) throw invalidOption("The options must be an object.");
  const names = [...COMMON, ...own];
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw invalidOption(`Unknown option ${JSON.stringify(name)}. There are ${names.join(", ")}.`);
    }
  }
  checkClient(options);
  checkRotation((options as OAuth2ProviderOptions).rotation);
  return checkServer(options);
}

function checkServer({ issuer, tokenEndpoint, revocationEndpoint }: CommonProviderOptions): string {
  if (issuer === undefined && tokenEndpoint === undefined) {
    throw invalidOption("Give issuer or tokenEndpoint: both are undefined. Is the environment variable set?");
  }
  for (const [name, value] of Object.entries({ issuer, tokenEndpoint, revocationEndpoint })) {
    if (value === undefined) continue;
    if (!isUrl(value)) throw invalidOption(`${name} must be a URL.`);
    const url = new URL(value);
    if (url.username !== "" || url.password !== "") throw invalidOption(`${name} must not hold credentials.`);
    if (!isSafeUrl(url)) throw invalidOption(`${name} must be an https URL; http is for this machine only.`);
  }
  // as it was given, for an issuer is compared as text (RFC 8414, section 3.3); of a URL object, without its slash
  if (typeof issuer === "string") return issuer;
  if (issuer !== undefined) return issuer.pathname === "/" ? issuer.origin : issuer.href;
  return new URL(tokenEndpoint!).origin;
}

function checkClient(options: CommonProviderOptions): void {
  for (const name of ["clientId", "clientSecret"] as const) {
    const value: unknown = options[name];
    if (name in options && value === undefined) {
      throw invalidOption(`${name} is undefined. Is the environment variable set?`);
    }
    if (value !== undefined && typeof value !== "function" && (typeof value !== "string" || value === "")) {
      throw invalidOption(`${name} must be a string that is not empty, or a function that gives one.`);
    }
  }
  const { clientAuthentication: method, defaultLifetimeMs: lifetime } = options;
  if (method !== undefined && typeof method !== "function" && !METHODS.includes(method)) {
    throw invalidOption(`clientAuthentication must be one of ${METHODS.join(", ")}, or a function.`);
  }
  if (lifetime !== undefined && (!Number.isSafeInteger(lifetime) || lifetime <= 0)) {
    throw invalidOption("defaultLifetimeMs must be a whole number of milliseconds, more than 0.");
  }
  for (const name of ["fetch", "conform", "classify"] as const) {
    checkFunction(name, options[name]);
  }
}

function checkRotation(rotation: unknown): void {
  if (rotation === undefined || rotation === "none" || rotation === "strict") return;
  const reuseWithinMs: unknown = (rotation as { reuseWithinMs?: unknown } | null)?.reuseWithinMs;
  if (!Number.isSafeInteger(reuseWithinMs) || (reuseWithinMs as number) <= 0) {
    throw invalidOption('rotation must be "none", "strict" or { reuseWithinMs } in milliseconds.');
  }
}
