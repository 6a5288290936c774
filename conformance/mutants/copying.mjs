// Mutants of changed copies, of importing, and of the times that an import compares (3.7, 3.8 and 1.0g).
import { changeReturned, plainOf, updating, wrap } from "./change.mjs";

const isToken = (token) => typeof token?.toPlain === "function";

const saving = (make) => (store) =>
  wrap(store, "saveToken", (save) => (token, options) => make({ store, save, token, options }));

const importingBy = (make) => (store, backend) =>
  wrap(store, "importToken", (importToken) => (token) => make({ store, backend, importToken, token }));

export const copying = [
  {
    name: "a changed copy is saved as plain properties",
    paragraphs: ["3.7"],
    case: "a stale copy saves",
    store: saving(({ save, token, options }) => save(plainOf(token), options)),
  },
  {
    name: "a stale copy is a conflict",
    paragraphs: ["3.7"],
    case: "a stale token that is saved as it is",
    store: saving(({ save, token, options }) => {
      const { revision } = plainOf(token);
      return save(
        token,
        isToken(token) && revision !== null ? { ...options, ifRevision: revision } : options,
      );
    }),
  },
  {
    name: "only what the last with() changed is saved",
    paragraphs: ["3.7"],
    case: "the changes of several with()",
    store: (store) =>
      changeReturned(store, (token) => {
        const forgetful = (copy) =>
          new Proxy(copy, {
            get(target, name) {
              if (name === "with") return (changes) => forgetful(token.with(changes));
              const value = target[name];
              return typeof value === "function" ? value.bind(target) : value;
            },
          });
        return forgetful(token);
      }),
  },
  {
    name: "a copy is recognised by its id and revision, whoever returned it",
    paragraphs: ["3.7"],
    case: "everything given counts",
    store: (store) => {
      const returned = new Map();
      changeReturned(store, (token) => {
        returned.set(`${token.id} ${token.revision}`, token.toPlain());
        return token;
      });
      wrap(store, "saveToken", (save) => (token, options) => {
        const plain = plainOf(token);
        const base = returned.get(`${plain.id} ${plain.revision}`);
        if (base === undefined) return save(token, options);
        const changes = Object.entries(plain).filter(([name, value]) => value !== base[name]);
        return save({ ...Object.fromEntries(changes), id: base.id }, options);
      });
    },
  },
  {
    name: "ifRevision is compared with the copy's own revision",
    paragraphs: ["3.7"],
    case: "ifRevision decides",
    store: saving(({ save, token, options }) => {
      const isCurrent = isToken(token) && options?.ifRevision === token.revision;
      return save(token, isCurrent ? {} : options);
    }),
  },
  {
    name: "null in a changed copy removes nothing",
    paragraphs: ["3.7"],
    case: "nothing finds its value any more",
    store: saving(({ save, token, options }) => save(plainOf(token), options)),
  },
  {
    name: "null in plain properties removes the property",
    paragraphs: ["3.7"],
    case: "still means",
    store: saving(async ({ store, save, token, options }) => {
      if (isToken(token) || !token.id) return save(token, options);
      const found = await store.findTokenById(token.id);
      return save(found === null ? token : found.with(token), options);
    }),
  },
  {
    name: "a copy without any token is silently not saved",
    paragraphs: ["3.7"],
    case: "a changed copy without any token",
    store: saving(async ({ store, save, token, options }) => {
      try {
        return await save(token, options);
      } catch (error) {
        if (error.code !== "ERR_INVALID_TOKEN" || !isToken(token)) throw error;
        return store.findTokenById(token.id);
      }
    }),
  },
  {
    name: "a changed access token in a copy keeps the stored expiresAt",
    paragraphs: ["3.7"],
    case: "a changed access token",
    backend: updating((record, previous) => ({
      ...record,
      expiresAt: previous.expiresAt ?? record.expiresAt,
    })),
  },
  {
    name: "a changed refresh token in a copy keeps the stored refreshState",
    paragraphs: ["3.7"],
    case: "a changed refresh token",
    backend: updating((record, previous) => ({ ...record, refreshState: previous.refreshState })),
  },
  {
    name: "importToken saves",
    paragraphs: ["3.8"],
    case: "keeps the id",
    store: importingBy(async ({ store, token }) => (await store.saveToken(token)) !== null),
  },
  {
    name: "savedAt is what the clock says",
    paragraphs: ["1.0"],
    case: "a later savedAt",
    backend: updating((record) => ({ ...record, savedAt: Date.now() })),
  },
  {
    name: "an imported record starts counting at 1 again",
    paragraphs: ["3.8"],
    case: "goes on counting",
    backend: updating((record, previous) => ({
      ...record,
      revision: previous.revision === 7 ? 1 : record.revision,
    })),
  },
  {
    name: "importToken overwrites newer records",
    paragraphs: ["3.8"],
    case: "as new or newer",
    store: importingBy(async ({ store, importToken, token }) => {
      await store.deleteToken(token.id);
      return importToken(token);
    }),
  },
  {
    name: "importToken never replaces a record",
    paragraphs: ["3.8"],
    case: "replaces an older record",
    store: importingBy(async ({ store, importToken, token }) =>
      token.id && (await store.findTokenById(token.id)) !== null ? false : importToken(token),
    ),
  },
  {
    name: "importToken merges",
    paragraphs: ["3.8"],
    case: "as a whole",
    store: importingBy(async ({ store, importToken, token }) => {
      const stored = token.id ? await store.findTokenById(token.id) : null;
      return importToken(stored === null ? token : { ...stored.toPlain(), ...token });
    }),
  },
  {
    name: "importToken takes a value away from another record",
    paragraphs: ["3.8"],
    case: "is a conflict",
    backend: (backend) => {
      const { isTaken } = backend;
      wrap(backend, "read", (read) => (lookups, ...rest) => {
        // Without seeing whose the values are.
        return read(lookups, ...rest).filter(({ id }) =>
          lookups.some(({ kind, key }) => kind === "id" && key === id),
        );
      });
      backend.isTaken = function (record, keys) {
        if (!isTaken.call(this, record, keys)) return false;
        for (const [kind, key] of Object.entries(keys)) {
          this.run("DELETE FROM keys WHERE namespace = ? AND kind = ? AND key = ?", kind, key);
        }
        return false;
      };
    },
  },
  {
    name: "importToken makes up what is missing",
    paragraphs: ["3.8"],
    case: "is refused",
    store: importingBy(({ importToken, token }) =>
      importToken({
        ...token,
        id: token.id ?? crypto.randomUUID(),
        revision: token.revision ?? 1,
        createdAt: token.createdAt ?? Date.now(),
        savedAt: token.savedAt ?? Date.now(),
      }),
    ),
  },
];
