import { type OAuthToken, TokenStoreError } from "@tokenkeep/core";
import type { CheckedManagerOptions } from "./manager-options.js";
import { isSafeUrl } from "./response.js";
import type { GetTokenOptions } from "./token-manager.js";

type Input = Parameters<typeof fetch>[0];

/**
 * Makes a `fetch` that sends access tokens (RFC 6750, section 2.1).
 * @param getToken gives the record whose token is sent
 * @param options the manager's
 * @returns a function like the global `fetch`
 */
export function authorizedFetch(
  getToken: (options: GetTokenOptions) => Promise<OAuthToken>,
  { origins, fetch: send }: Pick<CheckedManagerOptions, "origins" | "fetch">,
): typeof fetch {
  return async (given, options) => {
    const init = options ?? {}; // the global fetch takes null for none
    const url = new URL(given instanceof Request ? given.url : given);
    // What is checked is what is sent: a URL object can change meanwhile.
    const input = given instanceof Request ? given : url.href;
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined) ?? undefined;
    const token = await getToken({ signal });
    checkDestination(url, token, origins);
    const response = await send(input, authorized(input, init, token));
    if (!isRefused(response, url)) return response;
    const fresh = await getToken({ signal, rejected: token.accessToken! });
    if (fresh.accessToken === token.accessToken || !isRepeatable(input, init)) return response;
    await response.body?.cancel();
    return send(input, authorized(input, init, fresh));
  };
}

function checkDestination(url: URL, token: OAuthToken, origins: ReadonlySet<string>): void {
  const { apiDomain } = token;
  const own = apiDomain !== null && URL.canParse(apiDomain) ? new URL(apiDomain).origin : undefined;
  if (isSafeUrl(url) && (origins.has(url.origin) || url.origin === own)) return;
  const why = isSafeUrl(url)
    ? "It is not among the manager's origins, and not the record's apiDomain."
    : "Tokens are sent over https only, and http to this machine.";
  throw new TokenStoreError("ERR_INVALID_OPTIONS", `No token is sent to ${url.origin}. ${why}`);
}

function authorized(input: Input, init: RequestInit, token: OAuthToken): RequestInit {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set("authorization", `Bearer ${token.accessToken}`);
  return { ...init, headers };
}

// RFC 6750, section 3.1: more rights, or a proof, are not what a new token of the same kind brings.
function isRefused(response: Response, url: URL): boolean {
  if (response.status !== 401) return false;
  // after a redirect to another origin the token was not sent
  if (response.redirected && new URL(response.url).origin !== url.origin) return false;
  const challenge = response.headers.get("www-authenticate") ?? "";
  return !/error\s*=\s*"?(insufficient_scope|use_dpop_nonce)/i.test(challenge);
}

function isRepeatable(input: Input, init: RequestInit): boolean {
  const { body } = init;
  if (body === undefined || body === null) return !(input instanceof Request) || input.body === null;
  if (typeof body === "string" || ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return true;
  return body instanceof URLSearchParams || body instanceof FormData || body instanceof Blob;
}
