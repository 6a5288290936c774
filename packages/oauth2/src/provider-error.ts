/** What is known of an answer that was no token. */
export interface ProviderErrorOptions {
  /** The HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** The error code of the answer (RFC 6749, section 5.2), such as `invalid_grant`. */
  readonly error?: string | undefined;
  /** The provider's explanation. Never trusted: it is shortened, escaped and masked before anybody sees it. */
  readonly description?: string | undefined;
  /** How long the provider asks to wait (`Retry-After`, RFC 9110, section 10.2.3), in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** False where the request certainly never left: a refused connection, DNS. By default true. */
  readonly sent?: boolean | undefined;
}

/**
 * A token endpoint that gave no token: what a {@link Provider} rejects with.
 *
 * It holds what is safe to log, and no `cause`: the errors of HTTP clients hold whole requests and answers.
 */
export class ProviderError extends Error {
  /** Always `ProviderError`. */
  override readonly name = "ProviderError";
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** The error code of the answer, such as `invalid_grant`. */
  readonly error: string | undefined;
  /** The provider's explanation. */
  readonly description: string | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** False where the request certainly never left. */
  readonly sent: boolean;

  /**
   * Makes an error.
   * @param message what happened, without a secret
   * @param options what else is known
   */
  constructor(message: string, options: ProviderErrorOptions = {}) {
    super(message);
    this.status = options.status;
    this.error = options.error;
    this.description = options.description;
    this.retryAfterMs = options.retryAfterMs;
    this.sent = options.sent ?? true;
  }
}
