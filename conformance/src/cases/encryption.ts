import { inspect } from "node:util";
import type { EncryptionOptions, TokenStore } from "@tokenkeep/core";
import { storedAccessOf, type TokenRecord } from "@tokenkeep/core/backend";
import type { Case, Kit } from "../case.js";
import { check, expectRejection, plain, same, wholeText } from "../expect.js";
import { HOSTILE } from "../samples.js";
import {
  expectNowhere,
  keyOf,
  SEALED,
  SECRET,
  sealingWith,
  secretToken,
  storedRecord,
  tamper,
} from "./encryption-means.js";

/** Every way to read a record, each of which must refuse it. */
async function expectRefused(
  store: TokenStore,
  id: string,
  code: "ERR_CORRUPT" | "ERR_KEY",
  said: { property?: string; names?: string } = {},
): Promise<void> {
  const before = JSON.stringify(await storedRecord(store, id));
  const calls = [
    () => store.findTokenById(id),
    () => store.getTokens(),
    () => store.saveToken({ id, scope: "changed" }),
  ];
  for (const call of calls) {
    const error = await expectRejection(call, code, {
      hides: [SECRET],
      ...(said.property === undefined ? {} : { property: said.property }),
      ...(said.names === undefined ? { id } : {}),
    });
    if (said.names !== undefined) {
      check(error.message.includes(said.names), `an error that names ${said.names}`, error.message);
    }
  }
  same(JSON.stringify(await storedRecord(store, id)), before, "the stored record");
}

/** The value's parts as docs/encryption.md describes them. */
function partsOf(value: string | null): { salt: string; ciphertext: string } {
  const [mark, , salt, , ciphertext] = (value ?? "").split(":");
  check(mark === "tokenkeep1" && !!salt && !!ciphertext, "a sealed value", `${value}`);
  return { salt, ciphertext };
}

/** A copy of a text in which one character is another one. */
function changedAt(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

async function sealedStore(
  kit: Kit,
  encryption: EncryptionOptions = sealingWith("first"),
): Promise<TokenStore> {
  const store = await kit.open({ encryption });
  await store.saveToken(secretToken("ann"));
  return store;
}

const needs = { needs: ["shared"], needsDump: true } as const;

const sealing: Case[] = [
  {
    ...needs,
    checks: ["10.1a"],
    name: "what was saved, changed, found and deleted is nowhere in what is stored",
    async run(kit) {
      const store = await sealedStore(kit);
      for (const tag of ["bob", "eve"]) await store.saveToken(secretToken(tag));
      const { id } = secretToken("ann");
      await store.saveToken({
        id,
        accessToken: `${SECRET}-rotated`,
        metadata: { note: `${SECRET}-rotated` },
      });
      for (const kind of ["refreshToken", "grantToken"] as const) {
        const found = await store.findToken({ [kind]: secretToken("bob")[kind] });
        same(
          found === null ? null : plain(found)[kind],
          secretToken("bob")[kind],
          `the ${kind} that was found`,
        );
      }
      const taken = { ...secretToken("ann"), id: "other", userSignature: { name: "other" } };
      await expectRejection(() => store.saveToken(taken), "ERR_CONFLICT", { hides: [SECRET] });
      await store.deleteToken(secretToken("eve").id);
      await expectNowhere(kit, SECRET, "a secret");
      await store.close();
      await expectNowhere(kit, SECRET, "a secret");
    },
  },
  {
    ...needs,
    checks: ["10.1b"],
    name: "no two saves have a salt in common, and equal values of one save are not sealed alike",
    async run(kit) {
      const store = await kit.open({ encryption: sealingWith("first") });
      const salts = new Set<string>();
      for (let save = 1; save <= 20; save++) {
        const text = "one text for all of them";
        await store.saveToken({
          id: `record-${save % 2}`,
          clientSecret: text,
          idToken: text,
          refreshToken: `${text}${save % 2}`,
          scope: `${save}`,
        });
        const record = await storedRecord(store, `record-${save % 2}`);
        const values = [record.clientSecret, record.idToken, record.refreshToken].map(partsOf);
        for (const { salt } of values.slice(0, 1)) {
          check(!salts.has(salt), "a salt of its own for every save", `the salt ${salt} again`);
          salts.add(salt);
        }
        const beginnings = values.map(({ ciphertext }) => ciphertext.slice(0, 20));
        same(new Set(beginnings).size, 3, `the number of ciphertexts of three equal values, ${beginnings},`);
      }
    },
  },
  {
    ...needs,
    checks: ["10.1c"],
    name: "any text comes back as it was, also text that looks sealed",
    async run(kit) {
      const sealed = await sealedStore(kit);
      const { accessToken: envelope } = await storedRecord(sealed, secretToken("ann").id);
      const texts = [
        envelope as string,
        `tokenkeep0:${envelope}`,
        "tokenkeep0:",
        "tokenkeep1:",
        "tokenkeep9:x",
        "\u{1f511}".repeat(16_384),
        ...HOSTILE.map(([, text]) => text),
      ];
      for (const [index, store] of [sealed, await kit.open({ namespace: "plaintext" })].entries()) {
        for (const [at, text] of texts.entries()) {
          const id = `text-${index}-${at}`;
          await store.saveToken({ id, accessToken: text, clientSecret: text, idToken: text });
          const found = await store.findToken({ accessToken: text });
          const { accessToken, clientSecret, idToken } = plain(found);
          same([accessToken, clientSecret, idToken], [text, text, text], "the values that were saved");
        }
      }
    },
  },
  {
    ...needs,
    checks: ["10.1d"],
    name: "no log of a store and no error shows a key",
    async run(kit) {
      const store = await sealedStore(kit);
      const { key } = keyOf("first");
      const bytes = Buffer.from(key, "base64");
      const wrong = keyOf("first", "other bytes");
      const errors = [
        await expectRejection(
          async () => (await kit.open({ encryption: { keys: [wrong] } })).getTokens(),
          "ERR_KEY",
        ),
        await expectRejection(
          async () => kit.open({ encryption: { keys: [{ id: "first", key: bytes.toString("hex") }] } }),
          "ERR_INVALID_OPTIONS",
        ),
      ];
      const shown = [
        inspect(store, { depth: 9, showHidden: true }),
        JSON.stringify(store),
        ...errors.map(wholeText),
      ].join("\n");
      for (const form of [key, bytes.toString("hex"), wrong.key, inspect(bytes).slice(8, 30)]) {
        check(!shown.includes(form), "no key in any text", shown.slice(0, 2000));
      }
    },
  },
];

const changesFromOutside: Case[] = [
  {
    ...needs,
    checks: ["10.2a"],
    name: "a value that was moved to another record or property does not open",
    async run(kit) {
      const store = await sealedStore(kit);
      await store.saveToken(secretToken("bob"));
      const bob = await storedRecord(store, secretToken("bob").id);
      const { id } = secretToken("ann");
      const original = await storedRecord(store, id);
      const moves: Partial<TokenRecord>[] = [
        ...SEALED.map((property) => ({ [property]: bob[property] })),
        { refreshToken: original.accessToken },
        { accessToken: original.metadata },
        { clientSecret: original.idToken, idToken: original.clientSecret },
      ];
      for (const move of moves) {
        await tamper(store, id, () => move);
        await expectRefused(store, id, "ERR_CORRUPT", { property: Object.keys(move)[0]! });
        await restore(store, id, original);
      }
      same(
        plain(await store.findTokenById(id)).refreshToken,
        secretToken("ann").refreshToken,
        "the refresh token",
      );
    },
  },
  {
    ...needs,
    needs: ["shared", "namespaces"],
    checks: ["10.2a"],
    name: "a record that was moved to another namespace does not open",
    async run(kit) {
      const [encryption, { id }] = [sealingWith("first"), secretToken("ann")];
      const store = await sealedStore(kit, encryption);
      const other = await kit.open({ encryption, namespace: "other" });
      await other.saveToken(secretToken("ann"));
      const moved = await storedRecord(store, id);
      await tamper(other, id, ({ etag }) => ({ ...moved, etag }));
      await expectRefused(other, id, "ERR_CORRUPT");
    },
  },
  {
    ...needs,
    checks: ["10.2b"],
    name: "a record whose user, client, issuer or apiDomain was changed, or with the content of another, does not open",
    async run(kit) {
      const store = await sealedStore(kit);
      await store.saveToken(secretToken("bob"));
      const { id } = secretToken("ann");
      const original = await storedRecord(store, id);
      const bob = await storedRecord(store, secretToken("bob").id);
      const changes: Partial<TokenRecord>[] = [
        { userName: "eve@example.com" },
        { userName: null },
        { clientId: "another-client" },
        { issuer: "https://evil.example" },
        { issuer: null },
        { apiDomain: "https://evil.example" },
        { ...bob, id, etag: original.etag },
      ];
      for (const change of changes) {
        await tamper(store, id, () => change);
        await expectRefused(store, id, "ERR_CORRUPT");
        await restore(store, id, original);
      }
    },
  },
  {
    ...needs,
    checks: ["10.2c"],
    name: "a value of which one character was changed does not open",
    async run(kit) {
      const store = await sealedStore(kit);
      const { id } = secretToken("ann");
      const original = await storedRecord(store, id);
      for (const property of SEALED) {
        const value = original[property] as string;
        const body = value.indexOf(":", "tokenkeep1:".length) + 1;
        const middle = Math.floor((body + value.length) / 2);
        for (const at of [body, body + 50, middle, value.length - 30, value.length - 1]) {
          if (value[at] === ":") continue;
          await tamper(store, id, () => ({ [property]: changedAt(value, at) }));
          await expectRefused(store, id, "ERR_CORRUPT", { property });
          await restore(store, id, original);
        }
        for (const changed of [value.slice(0, -1), `${value}A`, value.slice(0, body), `${value}:`]) {
          await tamper(store, id, () => ({ [property]: changed }));
          await expectRefused(store, id, "ERR_CORRUPT", { property });
          await restore(store, id, original);
        }
      }
      same(plain(await store.findTokenById(id)).metadata, secretToken("ann").metadata, "the metadata");
    },
  },
  {
    ...needs,
    checks: ["10.2d"],
    name: "a value whose key was renamed does not open, even with the same bytes",
    async run(kit) {
      const keys = [keyOf("first"), { id: "renamed", key: keyOf("first").key }];
      const store = await sealedStore(kit, { keys });
      const { id } = secretToken("ann");
      await tamper(store, id, ({ refreshToken }) => ({
        refreshToken: (refreshToken as string).replace(":first:", ":renamed:"),
      }));
      const error = await expectRejection(() => store.findTokenById(id), "ERR_CORRUPT", { id });
      same(error.property, "refreshToken", "the property of the error");
    },
  },
];

/** Puts back what was stored before. */
async function restore(store: TokenStore, id: string, original: TokenRecord): Promise<void> {
  await storedAccessOf(store).run(async (backend, deadline) => {
    const { etag } = (await backend.readStored(id, deadline))!;
    const plainKeys = await backend.openStored(original);
    await backend.replaceStored(original, { ...plainKeys, etag }, deadline);
  });
}

const keys: Case[] = [
  {
    ...needs,
    checks: ["10.3a", "10.3b"],
    name: "a record whose key is missing is ERR_KEY, with other keys and without any",
    async run(kit) {
      await sealedStore(kit);
      const { id } = secretToken("ann");
      for (const encryption of [sealingWith("other"), undefined]) {
        const store = await kit.open(encryption === undefined ? {} : { encryption });
        const saved = await store.saveToken({ refreshToken: `readable-${encryption === undefined}` });
        same(plain(await store.findTokenById(saved.id!)).id, saved.id, "the id of another record");
        await expectRefused(store, id, "ERR_KEY", { names: '"first"' });
        const error = await expectRejection(() => store.findTokenById(id), "ERR_KEY");
        check(
          !wholeText(error).includes("tokenkeep1:"),
          "an error without the sealed value",
          wholeText(error),
        );
      }
    },
  },
  {
    ...needs,
    checks: ["10.3c"],
    name: "other bytes under a known key id are refused when the store opens",
    async run(kit) {
      await sealedStore(kit);
      const wrong = keyOf("first", "other bytes");
      for (const keys of [[wrong], [keyOf("second"), wrong], [{ ...wrong, seal: false }]]) {
        const store = await kit.open({ encryption: { keys } });
        const calls = [
          () => store.getTokens(),
          () => store.findToken({ refreshToken: "unknown" }),
          () => store.saveToken({ refreshToken: "new" }),
          () => store.deleteTokens(),
        ];
        for (const call of calls) {
          const error = await expectRejection(call, "ERR_KEY");
          check(error.message.includes('"first"'), 'an error that names the key "first"', error.message);
        }
      }
      const store = await kit.open({ encryption: sealingWith("first") });
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
  {
    ...needs,
    checks: ["10.3d"],
    name: "a wrong key is not reported as damage where the check values are gone",
    async run(kit) {
      const { id } = secretToken("ann");
      const store = await sealedStore(kit);
      const sealed = await storedRecord(store, id);
      // the same record in a namespace that knows no key yet
      const early = await kit.open({
        encryption: { keys: [keyOf("first", "other bytes")] },
        namespace: "copy",
      });
      same(await early.getTokens(), [], "the records at first");
      const plaintext = await kit.open({ namespace: "copy" });
      await plaintext.saveToken(secretToken("ann"));
      await tamper(plaintext, id, ({ etag }) => ({ ...sealed, etag }));
      await expectRefused(early, id, "ERR_KEY", { names: '"first"' });
      const error = await expectRejection(() => early.saveToken({ refreshToken: "new" }), "ERR_KEY");
      check(error.message.includes('"first"'), 'an error that names the key "first"', error.message);
    },
  },
  {
    ...needs,
    checks: ["10.3e"],
    name: "a key function that fails stores nothing in plaintext, and blocks no record whose key is known",
    async run(kit) {
      await sealedStore(kit);
      const failing = {
        id: "second",
        key: (): Promise<string> => Promise.reject(new Error("the key service is away")),
      };
      const store = await kit.open({ encryption: { keys: [failing, keyOf("first")] } });
      const { id, refreshToken } = secretToken("ann");
      same(plain(await store.findTokenById(id)).refreshToken, refreshToken, "the refresh token");
      for (const token of [{ id, scope: "changed" }, secretToken("bob")]) {
        const error = await expectRejection(() => store.saveToken(token), "ERR_KEY", { hides: [SECRET] });
        same(error.retryable, true, "whether it is retryable");
        same(error.uncertain, false, "whether it is uncertain");
      }
      same((await store.getTokens()).length, 1, "the number of records");
      await expectNowhere(kit, SECRET, "a secret");
    },
  },
];

const plaintext: Case[] = [
  {
    ...needs,
    checks: ["10.4a"],
    name: "plaintext is read, and sealed at its next save",
    async run(kit) {
      await kit.store.saveToken(secretToken("ann"));
      await kit.store.saveToken(secretToken("bob"));
      const store = await kit.open({ encryption: sealingWith("first") });
      same(
        (await store.getTokens()).map((token) => plain(token).refreshToken),
        [secretToken("ann").refreshToken, secretToken("bob").refreshToken],
        "the refresh tokens",
      );
      const { id } = secretToken("ann");
      await store.saveToken({ id, scope: "changed" });
      const stored = await storedRecord(store, id);
      for (const property of SEALED) partsOf(stored[property]);
      same(
        (await storedRecord(store, secretToken("bob").id)).idToken,
        secretToken("bob").idToken,
        "bob's ID token",
      );
      same(plain(await store.findTokenById(id)).metadata, secretToken("ann").metadata, "the metadata");
    },
  },
  {
    ...needs,
    checks: ["10.4b"],
    name: "requireEncrypted refuses plaintext, and shows nothing of it",
    async run(kit) {
      await kit.store.saveToken(secretToken("ann"));
      const store = await kit.open({ encryption: { ...sealingWith("first"), requireEncrypted: true } });
      await expectRefused(store, secretToken("ann").id, "ERR_KEY");
      await store.saveToken(secretToken("bob"));
      const { id, refreshToken } = secretToken("bob");
      same(plain(await store.findTokenById(id)).refreshToken, refreshToken, "the refresh token");
    },
  },
];

/** Section 10.1 to 10.4: what a store with keys does. */
export const encryption: Case[] = [...sealing, ...changesFromOutside, ...keys, ...plaintext];
