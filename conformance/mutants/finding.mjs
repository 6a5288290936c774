// Mutants of finding (section 2).
import { plainOf, wrap } from "./change.mjs";

/** Replaces findToken: `find` is the correct one. */
const findingBy = (make) => (store) =>
  wrap(store, "findToken", (find) => (query) => make({ store, find, query: plainOf(query) }));

const isGiven = (value) => value !== undefined && value !== null && value !== "";
const CRITERIA = ["id", "grantToken", "refreshToken", "accessToken"];

/** If the exact comparison finds nothing, compares loosely. */
const comparing = (fold) =>
  findingBy(async ({ store, find, query }) => {
    const found = await find(query);
    const name = query.userSignature?.name;
    if (found !== null || isGiven(query.id) || !isGiven(name)) return found;
    const all = await store.getTokens();
    return all.find((token) => fold(token.userSignature?.name ?? "") === fold(name)) ?? null;
  });

export const finding = [
  {
    name: "an empty query returns the first record",
    paragraphs: ["2.6"],
    store: findingBy(async ({ store, find, query }) => {
      const isEmpty = !isGiven(query.userSignature?.name) && !CRITERIA.some((name) => isGiven(query[name]));
      return isEmpty ? ((await store.getTokens())[0] ?? null) : find(query);
    }),
  },
  {
    name: "the query is concatenated SQL",
    paragraphs: ["2", "1.4"],
    store: (store, backend) =>
      wrap(store, "findToken", (find) => async (query) => {
        const name = plainOf(query).userSignature?.name;
        const found = await find(query);
        if (!isGiven(name)) return found;
        const sql = `SELECT id FROM records WHERE json_extract(record, '$.userName') = '${name}'`;
        const row = backend.db.prepare(sql).get();
        return found ?? (row === undefined ? null : store.findTokenById(row.id));
      }),
  },
  { name: "case is ignored", paragraphs: ["2.7"], store: comparing((text) => text.toLowerCase()) },
  { name: "trailing spaces are ignored", paragraphs: ["2.7"], store: comparing((text) => text.trimEnd()) },
  {
    name: "accents are ignored",
    paragraphs: ["2.7"],
    store: comparing((text) => text.normalize("NFD").replace(/\p{M}/gu, "")),
  },
  {
    name: "a find by an id that finds nothing falls through",
    paragraphs: ["2.2"],
    store: findingBy(async ({ find, query }) => (await find(query)) ?? find({ ...query, id: null })),
  },
  {
    name: "the access token is looked up before the user",
    paragraphs: ["2.3"],
    store: findingBy(async ({ find, query }) => {
      if (isGiven(query.id) || !isGiven(query.accessToken)) return find(query);
      const first = await find({ clientId: query.clientId ?? null, accessToken: query.accessToken });
      return first ?? find(query);
    }),
  },
  {
    name: "another client's record is returned",
    paragraphs: ["2.4"],
    store: findingBy(async ({ find, query }) => (await find(query)) ?? find({ ...query, clientId: null })),
  },
  {
    name: "another user's record is returned",
    paragraphs: ["2.4"],
    store: findingBy(
      async ({ find, query }) => (await find(query)) ?? find({ ...query, userSignature: null }),
    ),
  },
  {
    name: "of a user's records the first is returned, whatever the client",
    paragraphs: ["2.5"],
    store: findingBy(async ({ store, find, query }) => {
      const name = query.userSignature?.name;
      if (isGiven(query.id) || !isGiven(name)) return find(query);
      return (await store.getTokens()).find((token) => token.userSignature?.name === name) ?? find(query);
    }),
  },
  {
    name: "a save without a client updates the user's first record",
    paragraphs: ["2.5"],
    case: "a save without a client",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const { id, clientId, userSignature } = plainOf(token);
        if (isGiven(id) || isGiven(clientId) || !isGiven(userSignature?.name)) return save(token, options);
        const all = await store.getTokens();
        const first = all.find((one) => one.userSignature?.name === userSignature.name);
        return save({ ...plainOf(token), id: first?.id }, options);
      }),
  },
  {
    name: "expired records are not found",
    paragraphs: ["2.8"],
    store: findingBy(async ({ find, query }) => {
      const found = await find(query);
      return found?.expiresAt != null && found.expiresAt < Date.now() ? null : found;
    }),
  },
  {
    name: "findTokenById of a missing id rejects",
    paragraphs: ["2.9"],
    store: (store) =>
      wrap(store, "findTokenById", (find) => async (id) => {
        const found = await find(id);
        if (found === null) throw new Error("not found");
        return found;
      }),
  },
  {
    name: "getTokens is sorted by id",
    paragraphs: ["2.9"],
    store: (store) =>
      wrap(store, "getTokens", (all) => async () => (await all()).sort((a, b) => (a.id < b.id ? -1 : 1))),
  },
  {
    name: "getTokens returns the newest first",
    paragraphs: ["2.9"],
    store: (store) => wrap(store, "getTokens", (all) => async () => (await all()).reverse()),
  },
  {
    name: "tokens() counts records, and skips one after a delete",
    paragraphs: ["2.9"],
    store: (store) => {
      store.tokens = async function* () {
        for (let offset = 0; ; offset++) {
          const token = (await store.getTokens())[offset];
          if (token === undefined) return;
          yield token;
        }
      };
    },
  },
  {
    name: "tokens() ends after its first page",
    paragraphs: ["2.9"],
    backend: (backend) =>
      wrap(
        backend,
        "scan",
        (scan) =>
          (after, ...rest) =>
            after === null ? scan(after, ...rest) : [],
      ),
  },
];
