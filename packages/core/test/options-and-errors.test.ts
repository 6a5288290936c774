import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  BaseTokenStore,
  checkMs,
  checkStoreOptions,
  keysOf,
  opaqueKey,
  redact,
} from "../src/for-backends.js";
import { isTokenStoreError, type TokenInput, TokenStoreError } from "../src/index.js";
import { fieldsOf as allFieldsOf, givenOf } from "../src/token.js";
import { FakeBackend } from "./fake-backend.js";

describe("the options of every store", () => {
  it("have defaults", () => {
    expect(checkStoreOptions({}, [])).toEqual({
      namespace: "",
      open: "create",
      timeoutMs: 10_000,
      leaseMs: 10_000,
    });
    expect(checkStoreOptions({ namespace: undefined, timeoutMs: undefined }, []).timeoutMs).toBe(10_000);
  });

  it("take any namespace of up to 255 characters, 4-byte ones counted as one", () => {
    const namespace = "😀".repeat(255);
    expect(checkStoreOptions({ namespace }, []).namespace).toBe(namespace);
  });

  it.each([
    { namespace: "x".repeat(256) },
    { namespace: "\uDC00" },
    { namespace: 5 },
    { timeoutMs: 0 },
    { timeoutMs: 1.5 },
    { timeoutMs: "5" },
    { timeoutMs: 2 ** 31 },
    { leaseMs: -1 },
    { leaseMs: Number.POSITIVE_INFINITY },
    { timeout: 5 },
    null,
    [],
    "options",
  ])("refuse %j", (options) => {
    const invalid = expect.objectContaining({ code: "ERR_INVALID_OPTIONS" });
    expect(() => checkStoreOptions(options as never, [])).toThrowError(invalid);
    expect(() => new BaseTokenStore(new FakeBackend(), options as never)).toThrowError(invalid);
  });

  it("name what there is, where one is unknown", () => {
    expect(() => checkStoreOptions({ pat: 1 } as never, ["path"])).toThrowError(/"pat".*path/);
    expect(checkStoreOptions({ path: 1 } as never, ["path"])).not.toHaveProperty("path");
  });

  it("may be nought where that has a meaning", () => {
    expect(checkMs("ttl", 0, 0)).toBe(0);
  });
});

describe("TokenStoreError", () => {
  it("is retryable by its code, unless told otherwise", () => {
    expect(new TokenStoreError("ERR_UNAVAILABLE", "").retryable).toBe(true);
    expect(new TokenStoreError("ERR_LOCK_TIMEOUT", "").retryable).toBe(true);
    expect(new TokenStoreError("ERR_CONFLICT", "").retryable).toBe(false);
    expect(new TokenStoreError("ERR_UNAVAILABLE", "", { retryable: false }).retryable).toBe(false);
  });

  it("has a property and an id only where it is about one, and is known without instanceof", () => {
    const bare = new TokenStoreError("ERR_CORRUPT", "broken");
    expect(Object.keys(bare)).not.toContain("property");
    expect("cause" in bare).toBe(false);
    expect(isTokenStoreError(bare)).toBe(true);
    const foreign = Object.assign(new Error("x"), { name: "TokenStoreError", code: "ERR_CORRUPT" });
    expect(isTokenStoreError(foreign)).toBe(true);
    for (const other of [new Error("x"), null, undefined, "x", { name: "TokenStoreError", code: "x" }]) {
      expect(isTokenStoreError(other)).toBe(false);
    }
  });
});

describe("redact", () => {
  it("keeps the message and the code of an error of another realm, as drivers throw them in jest", () => {
    const error = runInNewContext('Object.assign(new Error("no SECRET here"), { code: "ECONNREFUSED" })');
    expect(error).not.toBeInstanceOf(Error);
    expect(redact(error, ["SECRET"])).toMatchObject({ message: "no *** here", code: "ECONNREFUSED" });
  });

  it("drops what a driver hangs on its errors, but for the codes", () => {
    const error = Object.assign(new Error("failed"), {
      sql: "INSERT … 'SECRET'",
      command: { args: ["SECRET"] },
      code: "ER_DUP",
      errno: 1062,
      address: "10.0.0.1",
      cause: new Error("SECRET"),
    });
    const clean = redact(error);
    expect(clean).toMatchObject({ message: "failed", code: "ER_DUP", errno: 1062, address: "10.0.0.1" });
    expect(JSON.stringify({ ...clean }) + clean.stack + String(clean.cause)).not.toContain("SECRET");
  });

  it("makes an error of anything that is thrown", () => {
    expect(redact("SECRET thrown", ["SECRET", ""]).message).toBe("*** thrown");
    expect(redact(undefined)).toBeInstanceOf(Error);
  });
});

describe("keys", () => {
  const fieldsOf = (input: TokenInput) => {
    return keysOf(allFieldsOf(givenOf(input).given));
  };

  it("are opaque, exact, and differ by kind", () => {
    const keys = fieldsOf({ grantToken: "same", refreshToken: "same", accessToken: "Same" });
    expect(new Set(Object.values(keys).filter((key) => key !== null)).size).toBe(3);
    expect(JSON.stringify(keys)).not.toMatch(/same/i);
    expect(keys.userClient).toBeNull();
  });

  it("can't be made to collide by moving text from one part to the next", () => {
    expect(opaqueKey("a", "b,c")).not.toBe(opaqueKey("a", "b", "c"));
    expect(opaqueKey("a", null)).not.toBe(opaqueKey("a", "null"));
    const one = fieldsOf({ userSignature: { name: "a" }, refreshToken: "r" });
    const two = fieldsOf({ userSignature: { name: "a" }, clientId: "c", refreshToken: "r" });
    expect(one.user).toBe(two.user);
    expect(one.userClient).not.toBe(two.userClient);
  });
});
