// Mutants of what goes in and comes out (section 1).
import {
  changeReturned,
  changeStored,
  changeText,
  disguise,
  plainOf,
  rejecting,
  updating,
  wrap,
} from "./change.mjs";

const NAMES = [
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "accessToken",
  "scope",
  "tokenType",
  "idToken",
  "apiDomain",
  "issuer",
];
const OTHERS = [
  "id",
  "userSignature",
  "expiresAt",
  "refreshTokenExpiresAt",
  "refreshState",
  "metadata",
  "revision",
  "createdAt",
  "savedAt",
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
    name: "a returned token shows its secrets as JSON",
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
    name: "text is cut off at 255 characters",
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
    name: "line breaks become spaces",
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
    case: "keep their milliseconds",
    backend: (backend) =>
      changeStored(backend, (record) => ({
        ...record,
        expiresAt: record.expiresAt === null ? null : Math.floor(record.expiresAt / 1000) * 1000,
      })),
  },
  {
    name: "expiresIn is the time of expiry in seconds",
    paragraphs: ["1.0"],
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { expiresIn: token.expiresAt === null ? null : Math.floor(token.expiresAt / 1000) }),
      ),
  },
  {
    name: "toPlain() has a property of the store's own",
    paragraphs: ["1.0"],
    case: "no others",
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { toPlain: () => ({ ...token.toPlain(), etag: "e" }) }),
      ),
  },
  {
    name: "a property and toPlain() differ",
    paragraphs: ["1.0"],
    store: (store) => changeReturned(store, (token) => disguise(token, { apiDomain: "" })),
  },
  {
    name: "a revision of the wrong type is silently ignored",
    paragraphs: ["1.5"],
    case: "bad input in revision",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const { revision, ...rest } = plainOf(token);
        return save(Number.isInteger(revision) ? token : rest, options);
      }),
  },
  {
    name: "lone surrogates are silently replaced",
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
    name: "unknown properties are silently dropped",
    paragraphs: ["1.5"],
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const known = [...OTHERS, ...NAMES];
        return save(
          Object.fromEntries(Object.entries(plainOf(token)).filter(([name]) => known.includes(name))),
          options,
        );
      }),
  },
  {
    name: "a time of the wrong type is converted",
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
  {
    name: "createdAt is the time of the last save",
    paragraphs: ["1.0"],
    case: "the times of the first and the last save",
    backend: updating((record) => ({ ...record, createdAt: record.savedAt })),
  },
  {
    name: "savedAt stays the time of the first save",
    paragraphs: ["1.0"],
    case: "the times of the first and the last save",
    backend: updating((record, previous) => ({ ...record, savedAt: previous.savedAt })),
  },
  {
    name: "the ID token is not a secret",
    paragraphs: ["1.3"],
    case: "of a token",
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { toJSON: () => ({ ...token.toJSON(), idToken: token.idToken }) }),
      ),
  },
  {
    name: "metadata is not masked",
    paragraphs: ["1.3"],
    case: "of a token",
    store: (store) =>
      changeReturned(store, (token) =>
        disguise(token, { toJSON: () => ({ ...token.toJSON(), metadata: token.metadata }) }),
      ),
  },
  {
    name: "metadata is merged",
    paragraphs: ["1.4"],
    case: "replace them as a whole",
    backend: updating((record, previous) => ({
      ...record,
      metadata: JSON.stringify({ ...JSON.parse(previous.metadata), ...JSON.parse(record.metadata) }),
    })),
  },
  {
    name: "metadata is stored as text in every part",
    paragraphs: ["1.4"],
    case: "JSON objects round-trip",
    backend: (backend) =>
      changeStored(backend, (record) => {
        if (record.metadata === null) return record;
        const parts = Object.entries(JSON.parse(record.metadata)).map(([key, value]) => [key, String(value)]);
        return { ...record, metadata: JSON.stringify(Object.fromEntries(parts)) };
      }),
  },
  {
    name: "the mask is silently ignored",
    paragraphs: ["1.5"],
    case: "the mask ***",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const masked = Object.entries(plainOf(token)).filter(([, value]) => value === "***");
        return save(
          masked.length === 0
            ? token
            : { ...token, ...Object.fromEntries(masked.map(([name]) => [name, null])) },
          options,
        );
      }),
  },
  {
    name: "the mask is refused without advice",
    paragraphs: ["1.5"],
    case: "the mask ***",
    store: rejecting(["saveToken"], (error) =>
      Object.assign(error, { message: error.message.replaceAll("toPlain", "it") }),
    ),
  },
];
