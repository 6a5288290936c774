// Mutants of saving (section 3).
import { setTimeout as sleep } from "node:timers/promises";
import { OAuthToken, TokenStoreError } from "@tokenkeep/core";
import { plainOf, ROUND_TRIP_MS, rejecting, updating, wrap } from "./change.mjs";

const savingBy = (make) => (store) =>
  wrap(
    store,
    "saveToken",
    (save) => (token, options) => make({ store, save, token: plainOf(token), options }),
  );

export const saving = [
  {
    name: "an id that finds nothing prevents an update of the user's record",
    paragraphs: ["3.1"],
    case: "an id that finds nothing",
    store: savingBy(async ({ store, save, token, options }) => {
      const isMissing = token.id && (await store.findTokenById(token.id)) === null;
      const match = isMissing ? await store.findToken({ ...token, id: null }) : null;
      if (match !== null) throw new TokenStoreError("ERR_CONFLICT", "The user has another id.", match);
      return save(token, options);
    }),
  },
  {
    name: "a save is not looked up by its access token",
    paragraphs: ["3.1"],
    case: "matches by accessToken alone",
    store: savingBy(async ({ save, token, options }) => {
      const isAlone = !token.id && !token.userSignature && !token.grantToken && !token.refreshToken;
      return save(token, isAlone ? { ...options, ifRevision: 0 } : options);
    }),
  },
  {
    name: "a save resolves with what was given, not what is stored",
    paragraphs: ["3.1"],
    case: "alone updates",
    store: savingBy(async ({ save, token, options }) => {
      const { id, revision } = await save(token, options);
      return new OAuthToken({ ...token, id, revision, createdAt: Date.now(), savedAt: Date.now() });
    }),
  },
  {
    name: "a save resolves before a read finds it",
    paragraphs: ["3.1"],
    case: "the first save inserts",
    store: savingBy(async ({ save, token, options }) => {
      setTimeout(() => save(token, options).catch(() => {}), 5);
      return new OAuthToken({ ...token, id: "soon", revision: 1, createdAt: 1, savedAt: 1 });
    }),
  },
  {
    name: "a refresh without a refresh token loses the stored one",
    paragraphs: ["3.2"],
    backend: updating((record, previous) =>
      record.refreshToken === previous.refreshToken && record.accessToken !== previous.accessToken
        ? { ...record, refreshToken: null }
        : record,
    ),
  },
  {
    name: "a new access token keeps the old one's expiry",
    paragraphs: ["3.2"],
    backend: updating((record, previous) => ({
      ...record,
      expiresAt: record.expiresAt ?? previous.expiresAt,
    })),
  },
  {
    name: "a save without any token is silently ignored",
    paragraphs: ["3.3"],
    store: savingBy(async ({ save, token, options }) => {
      try {
        return await save(token, options);
      } catch (error) {
        if (error.code === "ERR_INVALID_TOKEN" && error.property === undefined) return null;
        throw error;
      }
    }),
  },
  {
    name: "ids are the highest one plus one",
    paragraphs: ["3.3"],
    store: savingBy(async ({ store, save, token, options }) => {
      if (token.id || (await store.findToken(token)) !== null) return save(token, options);
      const ids = (await store.getTokens()).map(({ id }) => Number(id) || 0);
      await sleep(ROUND_TRIP_MS);
      return save({ ...token, id: String(Math.max(0, ...ids) + 1) }, options);
    }),
  },
  {
    name: "uniqueness is checked before the write, not by it",
    paragraphs: ["3.4"],
    backend: (backend) => {
      backend.insert = async (record, keys) => {
        if (backend.recordOf(record.id) !== undefined || backend.isTaken(record, keys)) return false;
        await sleep(ROUND_TRIP_MS);
        backend.atomically(() => {
          for (const [kind, key] of Object.entries(keys)) {
            backend.run("DELETE FROM keys WHERE namespace = ? AND kind = ? AND key = ?", kind, key);
          }
          backend.put(record, keys);
        });
        return true;
      };
    },
  },
  {
    name: "the uniqueness of the user is checked before the write, not by it",
    paragraphs: ["3.4"],
    case: "concurrent first saves of one user from many processes",
    backend: (backend) =>
      // Without its user key, the record does not conflict with another.
      wrap(backend, "insert", (insert) => async (record, keys) => {
        if (backend.isTaken(record, keys)) return false;
        await sleep(ROUND_TRIP_MS);
        return insert(record, { ...keys, userClient: null });
      }),
  },
  {
    name: "an insert overwrites a record that got its id meanwhile",
    paragraphs: ["3.4"],
    case: "concurrent first saves with one id leave",
    store: savingBy(async ({ store, save, token, options }) => {
      if (!token.id || (await store.findTokenById(token.id)) !== null) return save(token, options);
      await sleep(ROUND_TRIP_MS);
      await store.deleteToken(token.id);
      return save(token, options);
    }),
  },
  {
    name: "an insert through another store overwrites a record that got its id meanwhile",
    paragraphs: ["3.4"],
    case: "concurrent first saves with one id through several stores",
    backend: (backend) => {
      backend.insert = async (record, keys) => {
        await sleep(ROUND_TRIP_MS);
        backend.atomically(() => {
          backend.drop(record.id);
          backend.put(record, keys);
        });
        return true;
      };
    },
  },
  {
    name: "a save takes a value away from another record",
    paragraphs: ["3.4"],
    backend: (backend) => {
      backend.isTaken = (_record, keys) => {
        for (const [kind, key] of Object.entries(keys)) {
          backend.run("DELETE FROM keys WHERE namespace = ? AND kind = ? AND key = ?", kind, key);
        }
        return false;
      };
    },
  },
  {
    name: "the last of two racing saves undoes the first",
    paragraphs: ["3.5"],
    backend: (backend) => {
      wrap(backend, "read", (read) => async (lookups) => {
        const records = read(lookups);
        await sleep(ROUND_TRIP_MS);
        return records;
      });
      wrap(backend, "replace", (replace) => (record, keys, previous) => {
        const stored = backend.recordOf(previous.id);
        return replace(record, keys, stored ?? previous);
      });
    },
  },
  {
    name: "a record is written in two steps",
    paragraphs: ["3.5"],
    backend: (backend) =>
      wrap(backend, "replace", (replace) => async (record, keys, previous) => {
        const half = { ...record, expiresAt: previous.expiresAt, apiDomain: previous.apiDomain };
        if (!replace(half, keys, previous)) return false;
        await sleep(ROUND_TRIP_MS);
        return replace(record, keys, half);
      }),
  },
  {
    name: "an update removes the record and adds it again",
    paragraphs: ["3.5"],
    backend: (backend) => {
      backend.replace = async (record, keys, previous) => {
        if (backend.recordOf(previous.id)?.etag !== previous.etag || backend.isTaken(record, keys))
          return false;
        backend.remove(previous);
        await sleep(ROUND_TRIP_MS);
        return backend.insert(record, keys);
      };
    },
  },
  {
    name: "the revision stays as it was",
    paragraphs: ["3.5"],
    backend: updating((record, previous) => ({ ...record, revision: previous.revision })),
  },
  { name: "ifRevision is ignored", paragraphs: ["3.6"], store: savingBy(({ save, token }) => save(token)) },
  {
    name: "ifRevision: 0 is treated as none",
    paragraphs: ["3.6"],
    store: savingBy(({ save, token, options }) => save(token, options?.ifRevision ? options : {})),
  },
  {
    name: "ifRevision applies only if an id is given",
    paragraphs: ["3.6"],
    case: "whichever lookup",
    store: savingBy(({ save, token, options }) => save(token, token.id ? options : {})),
  },
  {
    name: "a conflict is an error without a code",
    paragraphs: ["3.4", "7.1"],
    store: savingBy(async ({ save, token, options }) => {
      try {
        return await save(token, options);
      } catch (error) {
        throw error.code === "ERR_CONFLICT" ? new Error("UNIQUE constraint failed") : error;
      }
    }),
  },
  {
    name: "a conflict does not name the other record",
    paragraphs: ["3.4"],
    store: savingBy(async ({ save, token, options }) => {
      try {
        return await save(token, options);
      } catch (error) {
        error.id = undefined;
        if (error.code === "ERR_CONFLICT") error.message = "The value is taken.";
        throw error;
      }
    }),
  },
  {
    name: "a conflict of revisions does not name the record",
    paragraphs: ["3.6"],
    store: rejecting(["saveToken"], (error) =>
      error.code === "ERR_CONFLICT" ? new TokenStoreError("ERR_CONFLICT", "It has another revision.") : error,
    ),
  },
  {
    name: "a new refresh token keeps what belongs to the old one",
    paragraphs: ["3.2"],
    case: "a different refresh token",
    backend: updating((record, previous) => ({
      ...record,
      refreshTokenExpiresAt: record.refreshTokenExpiresAt ?? previous.refreshTokenExpiresAt,
      refreshState: record.refreshState ?? previous.refreshState,
    })),
  },
  {
    name: "a save without a refresh token loses its refreshState",
    paragraphs: ["3.2"],
    case: "the same refresh token",
    backend: updating((record, previous) => ({
      ...record,
      refreshState: record.refreshState === previous.refreshState ? null : record.refreshState,
    })),
  },
];
