import {
  isTokenStoreError,
  type Lease,
  type OAuthToken,
  type TokenStore,
  TokenStoreError,
} from "@tokenkeep/core";
import { classifyError } from "./classify.js";
import { failureOf, revocationFailed } from "./errors.js";
import type { CheckedManagerOptions } from "./manager-options.js";
import { checkBelongs } from "./may-refresh.js";
import type { Provider } from "./provider.js";
import { secretsOf } from "./provider-secrets.js";
import { refreshStateOf } from "./refresh-state.js";
import { lockKey } from "./refresher.js";
import type { UnsavedAnswers } from "./unsaved-answers.js";
import { pause, waitFor } from "./wait.js";

/**
 * Revokes a record's token at the provider, then deletes the record, unless it has changed meanwhile: then both again.
 * @param id the record's id
 * @throws TokenStoreError `ERR_PROVIDER` where the provider could not be asked; `ERR_UNSUPPORTED`
 */
export async function revokeRecord(
  id: string,
  store: TokenStore,
  provider: Provider,
  options: CheckedManagerOptions,
  answers: UnsavedAnswers,
): Promise<void> {
  if (provider.revoke === undefined) {
    throw new TokenStoreError(
      "ERR_UNSUPPORTED",
      "This provider can't revoke. Delete the record with the store.",
    );
  }
  const { timeoutMs, maxHoldMs } = options;
  const work = async (lease: Lease) => {
    const hasWaited = new Set<string>();
    for (;;) {
      lease.signal.throwIfAborted();
      await answers.flush(id);
      const token = await store.findTokenById(id);
      if (token === null) return;
      checkBelongs(token, provider);
      const state = refreshStateOf(token);
      if (state?.status === "refreshing" && !hasWaited.has(state.attempt)) {
        // its holder may be about to save a newer refresh token, which is the one to revoke
        hasWaited.add(state.attempt);
        await pause(options.pendingMs);
        continue;
      }
      await askProvider(token, provider, options.requestTimeoutMs);
      try {
        return await store.deleteToken(id, { ifRevision: token.revision! });
      } catch (error) {
        if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
      }
    }
  };
  await store.withLock(lockKey(id), work, { timeoutMs, maxHoldMs });
}

async function askProvider(token: OAuthToken, provider: Provider, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const revoked = provider.revoke!(token, { signal });
    await waitFor(revoked, timeoutMs, undefined, () => {
      throw new DOMException("The provider did not answer in time.", "TimeoutError");
    });
  } catch (error) {
    if (isTokenStoreError(error)) throw error;
    const kind = provider.classify?.(error) ?? classifyError(error);
    // a token that the provider doesn't accept any more needs no revocation
    if (kind === "login") return;
    throw revocationFailed(failureOf(error, kind, secretsOf(token)), token);
  }
}
