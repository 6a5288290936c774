import { createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { generateKey } from "../src/encryption/key-material.js";
import { Keyring } from "../src/encryption/keyring.js";
import { checkEncryption, type EncryptionKey, type EncryptionOptions } from "../src/encryption/options.js";
import { keysFromEnvironment, keysFromFile, parseKeys } from "../src/encryption/parse-keys.js";

const bytes = randomBytes(32);
const base64 = bytes.toString("base64");
const hex = bytes.toString("hex");

/** What went wrong, after seeing to it that the message shows no key. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    expect(code).toBe("ERR_INVALID_OPTIONS");
    for (const shown of [base64, hex, base64.slice(0, 20), "correct horse"])
      expect(inspect(error)).not.toContain(shown);
    expect(message).toContain("tokenkeep keygen");
    return message;
  }
  return expect.fail("not refused");
}

describe("keys in text", () => {
  it("are id:base64, with commas between them", () => {
    const other = randomBytes(32);
    const keys = parseKeys(`2026-11:${base64},2026-05:${other.toString("base64")}:open`);
    expect(keys.map(({ id, seal }) => [id, seal])).toEqual([
      ["2026-11", true],
      ["2026-05", false],
    ]);
    expect(inspect(keys, { depth: 9 })).not.toContain(base64);
    checkEncryption({ keys });
  });

  it("are what generateKey makes", () => {
    expect(parseKeys(`${generateKey("a")},${generateKey("b")}`).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(() => generateKey("a b")).toThrow("letters, digits");
  });

  it.each([
    ["quotes around all", `"a:${base64}"`, "in quotes"],
    ["a single quote before", `'a:${base64}`, "in quotes"],
    ["quotes around a key", `a:"${base64}",b:${base64}`, "quotes around it"],
    ["a trailing newline", `a:${base64}\n`, "ends with a line break"],
    ["a trailing CRLF", `a:${base64}\r\n`, "ends with a line break"],
    ["a space after the comma", `a:${base64}, b:${base64}`, "spaces"],
    ["hexadecimal digits", `a:${hex}`, "hexadecimal"],
    ["hexadecimal digits without an id", hex, "has no id. Found: hexadecimal"],
    ["a passphrase", "a:correct-horse-battery-staple", "not base64; a passphrase is not a key"],
    ["a passphrase alone", "correct horse battery staple", "spaces"],
    ["16 bytes", `a:${randomBytes(16).toString("base64")}`, "16 bytes instead of 32"],
    ["44 bytes", `a:${randomBytes(44).toString("base64")}`, "44 bytes instead of 32"],
    ["base64url", `a:${Buffer.alloc(32, 0xff).toString("base64url")}`, "base64 in another form"],
    ["base64 without its padding", `a:${base64.slice(0, -1)}`, "base64 in another form"],
    ["a key without an id", base64, "has no id"],
    ["an id twice", `a:${base64},b:${base64},a:${base64}`, 'the id "a" twice'],
    ["all zeros", `a:${Buffer.alloc(32).toString("base64")}`, "zero bytes"],
    ["an empty key", "a:", "it is empty"],
    ["an empty text", "", "is empty"],
    ["a comma at the end", `a:${base64},`, "has no id"],
    ["an id with a space's code", `a%20b:${base64}`, "letters, digits"],
    ["something else than open", `a:${base64}:seal`, 'not ":open"'],
    ["more than open", `a:${base64}:open:`, 'not ":open"'],
  ])("are refused with %s", (_what, text, found) => {
    expect(refusal(() => parseKeys(text))).toContain(found);
  });
});

describe("keys from the environment and from files", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tokenkeep-keys-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
    vi.unstubAllEnvs();
  });

  it("from TOKENKEEP_KEYS, or another variable", () => {
    vi.stubEnv("TOKENKEEP_KEYS", `a:${base64}`);
    vi.stubEnv("OTHER_KEYS", `b:${base64}`);
    expect(keysFromEnvironment().map(({ id }) => id)).toEqual(["a"]);
    expect(keysFromEnvironment("OTHER_KEYS").map(({ id }) => id)).toEqual(["b"]);
    expect(refusal(() => keysFromEnvironment("NO_KEYS"))).toContain(
      "environment variable NO_KEYS is not set",
    );
  });

  it("from a file that nobody else can read", () => {
    const path = join(directory, "keys");
    writeFileSync(path, `a:${base64}`, { mode: 0o600 });
    expect(keysFromFile(path).map(({ id }) => id)).toEqual(["a"]);
    for (const mode of [0o640, 0o604, 0o644, 0o660, 0o610]) {
      chmodSync(path, mode);
      expect(refusal(() => keysFromFile(path))).toContain(`0${mode.toString(8)}`);
    }
    chmodSync(path, 0o400);
    expect(keysFromFile(path).length).toBe(1);
    expect(refusal(() => keysFromFile(join(directory, "missing")))).toContain("ENOENT");
    expect(refusal(() => keysFromFile(directory))).toContain("not a file");
  });
});

describe("the option encryption", () => {
  const refused = (encryption: unknown): string =>
    refusalOf(() => checkEncryption(encryption as EncryptionOptions));
  function refusalOf(work: () => unknown): string {
    try {
      work();
    } catch (error) {
      expect((error as { code: string }).code).toBe("ERR_INVALID_OPTIONS");
      return (error as Error).message;
    }
    return expect.fail("not refused");
  }

  it.each([
    ["a Buffer", bytes],
    ["a Uint8Array", new Uint8Array(bytes)],
    ["base64", base64],
    ["a KeyObject", createSecretKey(bytes)],
  ])("takes a key as %s", async (_what, key) => {
    const keyring = new Keyring(checkEncryption({ keys: [{ id: "a", key }] }));
    const same = new Keyring(checkEncryption({ keys: [{ id: "a", key: bytes }] }));
    expect((await keyring.get("a")).hasBytesOf(await same.get("a"))).toBe(true);
  });

  it("keeps a copy of a Buffer that the caller wipes", async () => {
    const wiped = Buffer.from(bytes);
    const keyring = new Keyring(checkEncryption({ keys: [{ id: "a", key: wiped }] }));
    wiped.fill(0);
    const same = new Keyring(checkEncryption({ keys: [{ id: "a", key: bytes }] }));
    expect((await keyring.get("a")).hasBytesOf(await same.get("a"))).toBe(true);
  });

  it.each([
    ["undefined", undefined, "undefined"],
    ["no keys", {}, "array of { id, key }"],
    ["an empty list", { keys: [] }, "array of { id, key }"],
    ["an unknown option", { keys: [{ id: "a", key: bytes }], require: true }, '"require"'],
    ["an unknown property of a key", { keys: [{ id: "a", key: bytes, seals: false }] }, '"seals"'],
    ["no id", { keys: [{ key: bytes }] }, "letters, digits"],
    [
      "an id twice",
      {
        keys: [
          { id: "a", key: bytes },
          { id: "a", key: bytes },
        ],
      },
      "twice",
    ],
    ["a key of undefined", { keys: [{ id: "a", key: undefined }] }, "is it set?"],
    ["16 bytes", { keys: [{ id: "a", key: randomBytes(16) }] }, "16 bytes"],
    ["base64 as bytes", { keys: [{ id: "a", key: Buffer.from(base64) }] }, "44 bytes, which are base64"],
    ["hex as bytes", { keys: [{ id: "a", key: Buffer.from(hex) }] }, "hexadecimal"],
    ["hex", { keys: [{ id: "a", key: hex }] }, "hexadecimal"],
    ["all zeros", { keys: [{ id: "a", key: Buffer.alloc(32) }] }, "zero bytes"],
    ["a number", { keys: [{ id: "a", key: 5 }] }, "number instead of"],
    ["a seal that is not a boolean", { keys: [{ id: "a", key: bytes, seal: "no" }] }, "true or false"],
    [
      "requireEncrypted without a key that seals",
      { keys: [{ id: "a", key: bytes, seal: false }], requireEncrypted: true },
      "needs a key that seals",
    ],
    ["a time of nothing", { keys: [{ id: "a", key: bytes }], keyTimeoutMs: 0 }, "keyTimeoutMs"],
  ])("refuses %s", (_what, encryption, found) => {
    const message = refused(encryption);
    expect(message).toContain(found);
    expect(message).not.toContain(base64);
    expect(message).not.toContain(hex);
  });

  it("refuses a public key", () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = createPublicKey(publicKey.export({ type: "spki", format: "pem" }));
    expect(refused({ keys: [{ id: "a", key }] })).toContain("public KeyObject");
  });
});

describe("a key that a function fetches", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  const keyringOf = (keys: EncryptionOptions["keys"], keyTimeoutMs = 5_000) =>
    new Keyring(checkEncryption({ keys, keyTimeoutMs }));

  it("is fetched once, with its id, for all who wait", async () => {
    const fetch = vi.fn(async (_id: string) => base64);
    const keyring = keyringOf([{ id: "a", key: fetch }]);
    expect(keyring.isComplete).toBe(false);
    await Promise.all([keyring.get("a"), keyring.sealing(), keyring.get("a")]);
    expect(keyring.get("a")).not.toBeInstanceOf(Promise);
    expect(fetch.mock.calls).toEqual([["a"]]);
    expect(keyring.isComplete).toBe(true);
  });

  it("that fails is ERR_KEY, retryable, for that key alone, and is fetched again a second later", async () => {
    const fetch = vi.fn(async (): Promise<string> => Promise.reject(new Error("the vault is sealed")));
    const keyring = keyringOf([
      { id: "a", key: bytes },
      { id: "b", key: fetch },
    ]);
    await keyring.warm();
    expect(keyring.get("a")).not.toBeInstanceOf(Promise);
    for (let call = 0; call < 3; call++) {
      await expect(keyring.get("b")).rejects.toMatchObject({
        code: "ERR_KEY",
        retryable: true,
        message: expect.stringContaining("the vault is sealed"),
      });
    }
    expect(fetch).toHaveBeenCalledTimes(1);
    fetch.mockResolvedValue(base64);
    vi.advanceTimersByTime(1_001);
    expect((await keyring.get("b")).id).toBe("b");
  });

  it("that throws at once is the same", async () => {
    const keyring = keyringOf([
      {
        id: "a",
        key: () => {
          throw new Error("no");
        },
      },
    ]);
    await expect(keyring.get("a")).rejects.toMatchObject({ code: "ERR_KEY", retryable: true });
  });

  it("has a time limit", async () => {
    const keyring = keyringOf([{ id: "a", key: () => new Promise(() => {}) }], 700);
    const found = expect(keyring.get("a")).rejects.toMatchObject({
      code: "ERR_KEY",
      retryable: true,
      message: expect.stringContaining("no answer within 700 ms"),
    });
    await vi.advanceTimersByTimeAsync(701);
    await found;
  });

  it("that returns no key is ERR_KEY that shows nothing", async () => {
    const keyring = keyringOf([{ id: "a", key: async () => hex }]);
    const error = await Promise.resolve(keyring.get("a")).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "ERR_KEY", retryable: false });
    expect(inspect(error)).not.toContain(hex);
  });

  it("in a list that a function returns: asked for when an unknown id turns up, at most once in 30 s", async () => {
    let list: EncryptionKey[] = [{ id: "a", key: bytes }];
    const ask = vi.fn(async () => list);
    const keyring = keyringOf(ask);
    await keyring.warm();
    expect(ask).toHaveBeenCalledTimes(1);
    expect(() => keyring.get("b")).toThrow(
      expect.objectContaining({ code: "ERR_KEY", message: expect.stringContaining('"b"') }),
    );
    expect(ask).toHaveBeenCalledTimes(1);

    list = [
      { id: "b", key: randomBytes(32) },
      { id: "a", key: bytes },
    ];
    vi.advanceTimersByTime(30_001);
    const found = await Promise.all([keyring.get("b"), keyring.get("b"), keyring.get("b")]);
    expect(found.map(({ id }) => id)).toEqual(["b", "b", "b"]);
    expect(ask).toHaveBeenCalledTimes(2);
    expect((await keyring.sealing())?.id).toBe("b");
    expect(() => keyring.get("c")).toThrow(expect.objectContaining({ code: "ERR_KEY" }));
  });

  it("in such a list, asked for again before a seal after five minutes, but an old list serves while that fails", async () => {
    let list: EncryptionKey[] = [{ id: "a", key: bytes }];
    const ask = vi.fn(async () => list);
    const keyring = keyringOf(ask);
    await keyring.warm();
    list = [
      { id: "b", key: randomBytes(32) },
      { id: "a", key: bytes, seal: false },
    ];
    expect(keyring.sealing()).toMatchObject({ id: "a" });
    vi.advanceTimersByTime(300_001);
    expect((await keyring.sealing())?.id).toBe("b");

    ask.mockImplementation(() => new Promise(() => {}));
    vi.advanceTimersByTime(300_001);
    const sealing = keyring.sealing();
    await vi.advanceTimersByTimeAsync(1_001);
    expect((await sealing)?.id).toBe("b");
    // and nobody waits after that
    expect(keyring.sealing()).toMatchObject({ id: "b" });
    await vi.advanceTimersByTimeAsync(5_000);
    ask.mockRejectedValue(new Error("the vault is sealed"));
    vi.advanceTimersByTime(30_001);
    expect((await keyring.sealing())?.id).toBe("b");
  });

  it("in such a list, is not fetched again, and other bytes under its id are refused", async () => {
    const fetch = vi.fn(async () => base64);
    let list: EncryptionKey[] = [{ id: "a", key: fetch }];
    const keyring = keyringOf(async () => list);
    await keyring.warm();
    list = [
      { id: "a", key: fetch },
      { id: "b", key: bytes },
    ];
    vi.advanceTimersByTime(30_001);
    await keyring.get("b");
    await keyring.get("a");
    expect(fetch).toHaveBeenCalledTimes(1);
    list = [
      { id: "a", key: randomBytes(32) },
      { id: "c", key: bytes },
    ];
    vi.advanceTimersByTime(30_001);
    await expect(keyring.get("c")).rejects.toMatchObject({
      code: "ERR_KEY",
      message: expect.stringContaining("other bytes"),
    });
  });

  it("in a list that fails from the start is ERR_KEY, retryable", async () => {
    const keyring = keyringOf(async () => {
      throw new Error("no route");
    });
    await keyring.warm();
    await expect(keyring.sealing()).rejects.toMatchObject({ code: "ERR_KEY", retryable: true });
    await expect(keyring.get("a")).rejects.toMatchObject({ code: "ERR_KEY", retryable: true });
  });

  it("in a list of nothing is ERR_KEY", async () => {
    const keyring = keyringOf(async () => []);
    await expect(keyring.sealing()).rejects.toMatchObject({ code: "ERR_KEY" });
  });
});

describe("a list of which every key only opens", () => {
  it("seals nothing", () => {
    const keyring = new Keyring(checkEncryption({ keys: [{ id: "a", key: bytes, seal: false }] }));
    expect(keyring.sealing()).toBe(null);
  });
});
