// Mutants of what goes in and comes out (section 1).
import { changeReturned, changeStored, changeText, disguise, plainOf, wrap } from "./change.mjs";

const NAMES = [
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "accessToken",
  "apiDomain",
];

function withAbsent(token, absent) {
  const changed = {};
  for (const name of NAMES) if (token[name] === null) changed[name] = absent;
  return disguise(token, { ...changed, toPlain: () => ({ ...token.toPlain(), ...changed }) });
}

export const tokens = [
  {
    name: "absent reads as undefined",
    paragraphs: ["1.1"],
    store: (store) => changeReturned(store, (token) => withAbsent(token, undefined)),
  },
  {
    name: "absent reads as the empty string",
    paragraphs: ["1.1"],
    store: (store) => changeReturned(store, (token) => withAbsent(token, "")),
  },
  {
    name: "the caller's object is given its id, as Zoho's sample does",
    paragraphs: ["1.2"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const saved = await save(token, options);
        if (!Object.isFrozen(token)) token.id = saved.id;
        return saved;
      }),
  },
  {
    name: "a token that is returned shows its secrets as JSON",
    paragraphs: ["1.3"],
    store: (store) => changeReturned(store, (token) => disguise(token, { toJSON: () => token.toPlain() })),
  },
  {
    name: "the error of a conflict shows the token",
    paragraphs: ["1.3", "7.1"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        try {
          return await save(token, options);
        } catch (error) {
          error.message += ` The token was ${JSON.stringify(plainOf(token))}.`;
          throw error;
        }
      }),
  },
  {
    name: "a column of 255 characters",
    paragraphs: ["1.4"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.slice(0, 255)),
      ),
  },
  {
    name: "text ends at NUL",
    paragraphs: ["1.4"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.split("\0", 1)[0]),
      ),
  },
  {
    name: "text is normalised",
    paragraphs: ["1.4", "2.7"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.normalize("NFC")),
      ),
  },
  {
    name: "trailing spaces are dropped",
    paragraphs: ["1.4", "2.7"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.trimEnd()),
      ),
  },
  {
    name: "line breaks become spaces, for the sake of a CSV file",
    paragraphs: ["1.4"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.replaceAll("\n", " ")),
      ),
  },
  {
    name: "characters of four bytes become question marks",
    paragraphs: ["1.4"],
    backend: (backend) =>
      changeStored(
        backend,
        changeText((text) => text.replace(/[\u{10000}-\u{10ffff}]/gu, "?")),
      ),
  },
  {
    name: "milliseconds are rounded to seconds",
    paragraphs: ["1.0"],
    case: "keeps its milliseconds",
    backend: (backend) =>
      changeStored(backend, (record) => ({
        ...record,
        expiresAt: record.expiresAt === null ? null : Math.floor(record.expiresAt / 1000) * 1000,
      })),
  },
  {
    name: "expiresIn is the end, in seconds",
    paragraphs: ["1.0"],
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { expiresIn: token.expiresAt === null ? null : Math.floor(token.expiresAt / 1000) }),
      ),
  },
  {
    name: "toPlain() has a column of the store's own",
    paragraphs: ["1.0"],
    case: "no other",
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { toPlain: () => ({ ...token.toPlain(), createdAt: Date.now() }) }),
      ),
  },
  {
    name: "a getter and toPlain() differ",
    paragraphs: ["1.0"],
    store: (store) => changeReturned(store, (token) => disguise(token, { apiDomain: "" })),
  },
  {
    name: "a revision of text is taken in silence",
    paragraphs: ["1.5"],
    case: "bad input in revision",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const { revision, ...rest } = plainOf(token);
        return save(Number.isInteger(revision) ? token : rest, options);
      }),
  },
  {
    name: "lone surrogates are replaced in silence",
    paragraphs: ["1.5"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const plain = plainOf(token);
        for (const name of NAMES)
          if (typeof plain[name] === "string") plain[name] = plain[name].toWellFormed();
        return save(plain, options);
      }),
  },
  {
    name: "unknown properties are dropped in silence",
    paragraphs: ["1.5"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const known = ["id", "userSignature", "expiresAt", "revision", ...NAMES];
        return save(
          Object.fromEntries(Object.entries(plainOf(token)).filter(([name]) => known.includes(name))),
          options,
        );
      }),
  },
  {
    name: "an expiry of text is taken for a number",
    paragraphs: ["1.5"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const plain = plainOf(token);
        const { expiresAt } = plain;
        return save(
          typeof expiresAt === "string" ? { ...plain, expiresAt: Number(expiresAt) } : token,
          options,
        );
      }),
  },
];
