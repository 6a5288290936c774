import * as oauth from "oauth4webapi";
import { isProviderError, wasNeverSent } from "./classify.js";
import { ProviderError } from "./provider-error.js";
import { errorOf, isObject, isSafeUrl } from "./response.js";

/** Far more than any token response; a provider that sends more is broken or hostile. */
const MAX_BODY_BYTES = 1_048_576;

/** What `oauth4webapi` is told about HTTP. */
export interface HttpOptions {
  /** A connection that was kept may be closed just as the request is sent, and its answer counts as lost then. */
  readonly headers: { readonly connection: "close" };
  readonly signal: AbortSignal;
  readonly [oauth.allowInsecureRequests]: true;
  readonly [oauth.customFetch]: (url: string, init: object) => Promise<Response>;
}

/**
 * Sends one request to a token endpoint and reads its answer.
 * @param send sends it with these options
 * @param http how requests are sent
 * @param secrets what is sent, to be masked in errors
 * @returns the parsed body of a successful answer, unjudged
 * @throws ProviderError for everything else, safe to log
 */
export async function tokenRequest(
  send: (http: HttpOptions) => Promise<Response>,
  http: HttpOptions,
  secrets: readonly string[],
): Promise<unknown> {
  let wasSent = false;
  let response: Response;
  try {
    response = await send({
      ...http,
      [oauth.customFetch]: (url, init) => {
        wasSent = true;
        return http[oauth.customFetch](url, init);
      },
    });
  } catch (error) {
    if (!wasSent) throw notMade(error);
    throw connectionError(error);
  }
  let body: unknown;
  try {
    body = parseBody(await readText(response), response.headers.get("content-type") ?? "");
  } catch (error) {
    // Without its body an answer that was good may have held the new refresh token: it counts as lost.
    if (response.ok) throw connectionError(error);
  }
  // A token is never thrown away, whatever status it came with.
  if (response.ok || hasToken(body)) {
    if (body !== undefined) return body;
    throw new ProviderError(
      `The provider answered HTTP ${response.status} with something that is not JSON.`,
      {
        status: response.status,
      },
    );
  }
  throw errorOf(body, response.status, secrets, retryAfterOf(response));
}

/**
 * How requests are sent: plain http to this machine only.
 * @param send the `fetch` of the options; by default the global one
 * @param signal ends the request
 * @returns options of `oauth4webapi`
 */
export function httpOptions(send: typeof fetch = fetch, signal: AbortSignal): HttpOptions {
  return {
    headers: { connection: "close" },
    signal,
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (url, init) => {
      if (!isSafeUrl(new URL(url))) {
        throw new ProviderError(
          "Tokens are sent over https only, and http to this machine. Nothing was sent.",
          {
            sent: false,
          },
        );
      }
      return send(url, init as RequestInit);
    },
  };
}

// A key of the wrong kind, an endpoint that the metadata lack: `oauth4webapi` names what is wrong, without values.
function notMade(error: unknown): ProviderError {
  const why = error instanceof Error ? error.message : "unknown";
  return new ProviderError(`The request can't be made (${why}). Nothing was sent.`, {
    error: "invalid_request",
    sent: false,
  });
}

/**
 * The error of a request that got no answer.
 * @param error what the HTTP client threw; none of it but its code is kept, since it may hold the request
 * @returns an error that is safe to log
 */
export function connectionError(error: unknown): ProviderError {
  if (isProviderError(error)) return error;
  if (wasNeverSent(error)) {
    const why = codeOf(error);
    return new ProviderError(`The provider can't be reached (${why}). Nothing was sent.`, { sent: false });
  }
  const name = (error as { name?: unknown } | null)?.name;
  if (name === "TimeoutError" || name === "AbortError") {
    return new ProviderError("The provider did not answer in time.");
  }
  const why = codeOf(error);
  return new ProviderError(`The provider's answer was lost${why === "" ? "" : ` (${why})`}.`);
}

function codeOf(error: unknown): string {
  for (let current = error; current instanceof Object; current = (current as Error).cause) {
    const { code } = current as { code?: unknown };
    if (typeof code === "string" && /^\w{1,64}$/.test(code)) return code;
  }
  return "";
}

async function readText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) throw new Error("too long");
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

// Whatever the content type says: providers label JSON as text, and some answer as a form.
function parseBody(text: string, contentType: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (!contentType.startsWith("application/x-www-form-urlencoded")) return undefined;
    return Object.fromEntries(new URLSearchParams(text));
  }
}

function hasToken(body: unknown): boolean {
  return isObject(body) && [body.access_token, body.refresh_token].some((token) => typeof token === "string");
}

// RFC 9110, section 10.2.3: seconds, or a date.
function retryAfterOf(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
