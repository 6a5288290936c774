import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  escapePlaintext,
  keyIdOf,
  parseEnvelope,
  plaintextIn,
  ValueKeys,
} from "../src/encryption/envelope.js";
import { checkValueOf } from "../src/encryption/hkdf.js";
import { MasterKey } from "../src/encryption/master-key.js";
import { RecentKeys } from "../src/encryption/recent-keys.js";
import { type Opening, openRecord, sealRecord } from "../src/encryption/sealed-records.js";
import { NO_FIELDS } from "../src/properties.js";
import type { TokenRecord } from "../src/record.js";

// The bytes 0, 1, … 31 as key, and 32, 33, … 63 as salt.
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const SALT = Buffer.from(Array.from({ length: 32 }, (_, i) => 32 + i));
const CONTEXT = JSON.stringify([
  "my namespace",
  "record-1",
  "ann@example.com",
  "client",
  null,
  "https://api.example",
]);

const key = new MasterKey("2026-11", KEY);
const keys = ValueKeys.derive(key, SALT);

describe("known answers, which later versions must still open", () => {
  const HEADER =
    "tokenkeep1:2026-11:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8:lV9UK19X1STgOplcEofh-29JnWO5D2sRyoEqvWO7Egg";
  const ANSWERS = [
    ["refreshToken", "1000.refresh-token", "FWTRmsK0ErN7KdyMJqmFTZQgr0Ee5iTrpBCKofVvkK7nbQ"],
    ["metadata", '{"note":"Zoë 🔑"}', "5n0sT4-gJXUeNTdjfX7RUK2YRPZJog9V_wTOB_D7PDuoGPbh"],
  ] as const;

  it("the header, with the salt and the commitment", () => {
    expect(keys.header).toBe(HEADER);
  });

  it.each(ANSWERS)("%s", (property, plaintext, ciphertext) => {
    const envelope = `${HEADER}:${ciphertext}`;
    expect(keys.seal(property, CONTEXT, plaintext)).toBe(envelope);
    expect(openEnvelope(envelope, property)).toBe(plaintext);
  });

  it("the check value", () => {
    expect(checkValueOf(key, "my namespace")).toBe("8QQHbKtNdHGCViXGCksuwK68bcr5R3MFfbfON3V9g2U");
  });
});

describe("decryption written from the documentation, without our code", () => {
  const value = keys.seal("accessToken", CONTEXT, "1000.access-token ✓");

  it("by Web Crypto", async () => {
    expect(await openByWebCrypto(value, "accessToken")).toBe("1000.access-token ✓");
  });

  const python = spawnSync("python3", ["-c", "import cryptography"]).status === 0;
  it.skipIf(!python)("by Python's cryptography", () => {
    const script = fileURLToPath(new URL("encryption-open.py", import.meta.url));
    const input = JSON.stringify({
      key: KEY.toString("hex"),
      value,
      property: "accessToken",
      context: CONTEXT,
    });
    const { stdout, stderr } = spawnSync("python3", [script], { input, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout).toBe("1000.access-token ✓");
  });
});

describe("an envelope", () => {
  it("is another one each time", () => {
    const envelopes = Array.from({ length: 100 }, () =>
      ValueKeys.create(key).seal("metadata", CONTEXT, "{}"),
    );
    expect(new Set(envelopes.map((envelope) => envelope.split(":")[2])).size).toBe(100);
    expect(new Set(envelopes.map((envelope) => envelope.split(":")[4])).size).toBe(100);
  });

  it("does not open once any of its characters is another one", () => {
    const value = keys.seal("refreshToken", CONTEXT, "short");
    for (let at = 0; at < value.length; at++) {
      for (const other of ["A", "B", "-", "/", "=", " ", ":"]) {
        if (value[at] === other) continue;
        const changed = value.slice(0, at) + other + value.slice(at + 1);
        if (plaintextIn(changed) !== undefined) continue; // without the mark, it is plaintext
        expect(openEnvelope(changed, "refreshToken"), `${other} at ${at}`).toBe(undefined);
      }
    }
    for (let end = "tokenkeep1:".length; end < value.length; end++) {
      expect(openEnvelope(value.slice(0, end), "refreshToken")).toBe(undefined);
    }
    expect(openEnvelope(`${value}A`, "refreshToken")).toBe(undefined);
    expect(openEnvelope(`${value}:`, "refreshToken")).toBe(undefined);
  });

  it("holds up to 64 KiB of any text", () => {
    for (const text of ["x", "\0", "🔑".repeat(16_384), "tokenkeep1:a:b:c:d"]) {
      expect(openEnvelope(keys.seal("idToken", CONTEXT, text), "idToken")).toBe(text);
    }
  });
});

describe("plaintext that looks like an envelope", () => {
  const LOOKALIKES = [
    "tokenkeep1:a:b:c:d",
    "tokenkeep0:",
    "tokenkeep0:tokenkeep0:x",
    "tokenkeep9:",
    keys.header,
  ];

  it.each(LOOKALIKES)("is escaped and read: %s", (text) => {
    expect(escapePlaintext(text)).toBe(`tokenkeep0:${text}`);
    expect(plaintextIn(escapePlaintext(text))).toBe(text);
    expect(keyIdOf(escapePlaintext(text))).toBe(null);
  });

  it.each(["", "tokenkeep", "tokenkeep:", "tokenkeepa:", "tokenkeep10:", " tokenkeep1:"])(
    "is not: %j",
    (text) => {
      expect(escapePlaintext(text)).toBe(text);
      expect(plaintextIn(text)).toBe(text);
    },
  );
});

describe("a sealed record", () => {
  const record: TokenRecord = {
    ...NO_FIELDS,
    id: "record-1",
    userName: "ann@example.com",
    clientId: "client",
    clientSecret: "client-secret",
    grantToken: "grant-token",
    refreshToken: "refresh-token",
    accessToken: "access-token",
    idToken: "id-token",
    issuer: "https://issuer.example",
    apiDomain: "https://api.example",
    metadata: '{"a":1}',
    scope: "a b",
    revision: 1,
    etag: "etag",
    createdAt: 1,
    savedAt: 2,
  };
  const opening: Opening = {
    recent: new RecentKeys(),
    namespace: "n",
    requireEncrypted: false,
    keyOf: () => ({ key, isVerified: true }),
  };
  const sealed = sealRecord(record, key, "n");

  it("opens to the record", () => {
    expect(openRecord(sealed, opening)).toEqual(record);
    for (const property of [
      "clientSecret",
      "grantToken",
      "refreshToken",
      "accessToken",
      "idToken",
      "metadata",
    ] as const) {
      expect(sealed[property]).toMatch(/^tokenkeep1:2026-11:/);
    }
    expect(sealed.scope).toBe("a b");
  });

  it.each([
    { id: "record-2" },
    { userName: "bob@example.com" },
    { userName: null },
    { clientId: "other" },
    { issuer: "https://other.example" },
    { issuer: null },
    { apiDomain: "https://evil.example" },
    { accessToken: sealed.refreshToken },
    { accessToken: sealRecord({ ...record, id: "record-2" }, key, "n").accessToken },
  ])("does not with %o", (change) => {
    expect(() => openRecord({ ...sealed, ...change }, opening)).toThrow(
      expect.objectContaining({ code: "ERR_CORRUPT" }),
    );
  });

  it("does not in another namespace", () => {
    expect(() => openRecord(sealed, { ...opening, namespace: "m" })).toThrow(
      expect.objectContaining({ code: "ERR_CORRUPT", property: "clientSecret", id: "record-1" }),
    );
  });

  it("does not with other bytes under the key's id, which is the key's fault unless the key is known to be right", () => {
    const other = new MasterKey("2026-11", Buffer.alloc(32, 7));
    const opening = { namespace: "n", requireEncrypted: false, recent: new RecentKeys() };
    const unverified = { ...opening, keyOf: () => ({ key: other, isVerified: false }) };
    expect(() => openRecord(sealed, unverified)).toThrow(expect.objectContaining({ code: "ERR_KEY" }));
    const verified = { ...opening, keyOf: () => ({ key: other, isVerified: true }) };
    expect(() => openRecord(sealed, verified)).toThrow(expect.objectContaining({ code: "ERR_CORRUPT" }));
  });

  it("says ERR_SCHEMA of a later version's, and ERR_KEY of plaintext where that is not allowed", () => {
    const later = { ...sealed, accessToken: "tokenkeep2:whatever" };
    expect(() => openRecord(later, opening)).toThrow(expect.objectContaining({ code: "ERR_SCHEMA" }));
    expect(openRecord(record, opening)).toEqual(record);
    expect(() => openRecord(record, { ...opening, requireEncrypted: true })).toThrow(
      expect.objectContaining({ code: "ERR_KEY", property: "clientSecret" }),
    );
  });
});

function openEnvelope(value: string, property: string): string | undefined {
  const envelope = parseEnvelope(value);
  if (typeof envelope !== "object" || envelope.keyId !== "2026-11") return undefined;
  return ValueKeys.derive(key, envelope.salt).open(property, CONTEXT, envelope);
}

async function openByWebCrypto(value: string, property: string): Promise<string> {
  const [mark, keyId, salt, commitment, ciphertext] = value.split(":") as [
    string,
    string,
    string,
    string,
    string,
  ];
  const { subtle } = globalThis.crypto;
  const master = await subtle.importKey("raw", KEY, "HKDF", false, ["deriveBits"]);
  const derive = (info: string) =>
    subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: Buffer.from(salt, "base64url"), info: Buffer.from(info) },
      master,
      256,
    );
  expect(Buffer.from(await derive("tokenkeep1 commitment")).toString("base64url")).toBe(commitment);
  const aes = await subtle.importKey("raw", await derive(`tokenkeep1 key ${property}`), "AES-GCM", false, [
    "decrypt",
  ]);
  const additionalData = Buffer.from([mark, keyId, salt, commitment, property, CONTEXT].join(":"));
  const algorithm = { name: "AES-GCM", iv: Buffer.alloc(12), additionalData, tagLength: 128 };
  return Buffer.from(await subtle.decrypt(algorithm, aes, Buffer.from(ciphertext, "base64url"))).toString(
    "utf8",
  );
}

describe("keys that were derived lately", () => {
  it("are kept for a while, and used again", () => {
    const recent = new RecentKeys();
    const first = ValueKeys.create(key);
    recent.add(first);
    const others = Array.from({ length: 4_999 }, () => ({ header: String(Math.random()) }) as ValueKeys);
    for (const other of others) recent.add(other);
    expect(recent.get(first.header)).toBe(first);
    // what is asked for stays; the rest goes
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4_000; i++) recent.add({ header: `${round} ${i}` } as ValueKeys);
      expect(recent.get(first.header)).toBe(first);
    }
    expect(recent.get(others[0]!.header)).toBe(undefined);
  });
});
