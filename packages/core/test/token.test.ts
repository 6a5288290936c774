import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { redact } from "../src/errors.js";
import { isTokenStoreError, OAuthToken, UserSignature } from "../src/index.js";

const full = {
  id: "1",
  userSignature: { name: "ann" },
  clientId: "app",
  clientSecret: "s-client",
  redirectUrl: "https://example.com/cb",
  grantToken: "s-grant",
  refreshToken: "s-refresh",
  refreshTokenExpiresAt: 6,
  accessToken: "s-access",
  expiresAt: 5,
  scope: "read write",
  tokenType: "Bearer",
  idToken: "s-id",
  apiDomain: "https://example.com",
  issuer: "https://login.example.com",
  refreshState: { failures: 1 },
  metadata: { plan: "s-metadata", tags: [1, null] },
  revision: 3,
  createdAt: 1,
  savedAt: 2,
};

describe("OAuthToken", () => {
  it("gives back what it was given, and null for what it was not", () => {
    expect(new OAuthToken(full).toPlain()).toEqual(full);
    expect(Object.values(new OAuthToken({ id: "", clientId: undefined }).toPlain())).toEqual(
      Array.from({ length: 20 }, () => null),
    );
  });

  it("shows no secret unless asked", () => {
    const token = new OAuthToken(full);
    const shown = [inspect(token, { depth: 9, showHidden: true }), JSON.stringify(token), `${token}`].join();
    expect(shown).not.toMatch(/s-(client|grant|refresh|access|id|metadata)/);
    expect(shown).toContain("ann");
  });

  it.each([null, "a token", 5, true, []])("refuses %j, which is no token", (input) => {
    expect(() => new OAuthToken(input as never)).toThrow(
      expect.objectContaining({ name: "TokenStoreError", code: "ERR_INVALID_TOKEN" }),
    );
  });

  it("is changed by a copy only", () => {
    const token = new OAuthToken(full);
    expect(token.with({ accessToken: "b", expiresAt: null }).toPlain()).toEqual({
      ...full,
      accessToken: "b",
      expiresAt: null,
    });
    expect(token.accessToken).toBe("s-access");
    expect(() => Object.assign(token, { accessToken: "c" })).toThrow(TypeError);
    expect(() => Object.assign(token.metadata!, { plan: "c" })).toThrow(TypeError);
    expect(() => Object.assign(new UserSignature("ann"), { name: "bob" })).toThrow(TypeError);
  });

  it("drops what belonged to a token that is replaced", () => {
    const token = new OAuthToken(full);
    expect(token.with({ accessToken: "b" })).toMatchObject({ expiresAt: null, refreshTokenExpiresAt: 6 });
    expect(token.with({ refreshToken: "b" })).toMatchObject({
      refreshTokenExpiresAt: null,
      refreshState: null,
      expiresAt: 5,
    });
    expect(token.with({ accessToken: "s-access" }).expiresAt).toBe(5);
    expect(token.with({ accessToken: "b", expiresAt: 5 }).expiresAt).toBe(5);
  });

  it("takes a token of another copy of this package", () => {
    const foreign = { toPlain: () => full };
    expect(new OAuthToken(foreign as never).toPlain()).toEqual(full);
  });

  it("counts whole seconds to its end", () => {
    expect(new OAuthToken({ expiresAt: Date.now() + 61_500 }).expiresIn).toBe(61);
    expect(new OAuthToken({ expiresAt: 1 }).expiresIn).toBe(0);
    expect(new OAuthToken().expiresIn).toBeNull();
  });

  it.each([
    [{ accessToken: 1 }, "accessToken"],
    [{ id: "x".repeat(256) }, "id"],
    [{ refreshToken: "é".repeat(32_769) }, "refreshToken"],
    [{ clientId: "\ud800" }, "clientId"],
    [{ expiresAt: 1.5 }, "expiresAt"],
    [{ expiresAt: "5" }, "expiresAt"],
    [{ revision: "1" }, "revision"],
    [{ expiresAt: new Date() }, "expiresAt"],
    [{ expiresAt: 1_800_000_000 }, "expiresAt"],
    [{ refreshToken: "***" }, "refreshToken"],
    [{ metadata: "***" }, "metadata"],
    [{ metadata: [1] }, "metadata"],
    [{ metadata: { a: () => 1 } }, "metadata"],
    [{ metadata: { a: Number.NaN } }, "metadata"],
    [{ metadata: { a: "x".repeat(65_536) } }, "metadata"],
    [{ refreshState: { a: "x".repeat(4096) } }, "refreshState"],
    [{ expires_in: 3600 }, "expires_in"],
    [{ access_token: "a" }, "access_token"],
    [{ userSignature: "ann" }, "userSignature"],
    [{ userSignature: {} }, "userSignature"],
    [{ userSignature: { name: 1 } }, "userSignature.name"],
    [{ userSignature: { name: "a", mail: "b" } }, "userSignature.mail"],
    [{ expiresIn: 3600 }, "expiresIn"],
  ])("refuses %j, naming %s", (input, property) => {
    let error: unknown;
    try {
      new OAuthToken(input as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(isTokenStoreError(error)).toBe(true);
    expect(error).toMatchObject({ code: "ERR_INVALID_TOKEN", property });
  });

  it.each([
    [{ expires_in: 3600 }, "give expiresAt, Date.now() + expires_in * 1000"],
    [{ expiresIn: 3600 }, "give expiresAt, Date.now() + expiresIn * 1000"],
    [{ access_token: "a" }, "Give it as accessToken"],
    [{ refresh_token: "r" }, "Give it as refreshToken"],
    [{ id_token: "i" }, "Give it as idToken"],
    [{ token_type: "Bearer" }, "Give it as tokenType"],
    [{ api_domain: "https://example.com" }, "Give it as apiDomain"],
    [{ client_id: "c" }, "Give it as clientId"],
    [{ client_secret: "s" }, "Give it as clientSecret"],
    [{ redirect_uri: "https://example.com/cb" }, "Give it as redirectUrl"],
    [{ code: "g" }, "grantToken"],
    [{ user: "ann" }, "userSignature: { name }"],
    [{ userName: "ann" }, "userSignature: { name }"],
    [{ expiresAt: new Date() }, "give date.getTime()"],
    [{ refreshTokenExpiresAt: new Date() }, "give date.getTime()"],
    [{ expiresAt: Math.floor(Date.now() / 1000) }, "multiply it by 1000"],
    [{ refreshTokenExpiresAt: 1e9 }, "multiply it by 1000"],
    [{ expiresAt: 1e11 - 1 }, "multiply it by 1000"],
  ])("says what to do instead of %j", (input, advice) => {
    const make = () => new OAuthToken(input as never);
    expect(make).toThrowError(expect.objectContaining({ code: "ERR_INVALID_TOKEN", retryable: false }));
    expect(make).toThrowError(advice);
  });

  it("takes Unix milliseconds, from before 1970 to beyond the year 5138", () => {
    for (const expiresAt of [-1, 0, 1e9 - 1, 1e11, Date.now(), 1e14]) {
      expect(new OAuthToken({ expiresAt }).expiresAt).toBe(expiresAt);
    }
  });

  it.each([null, 5, "token", [], new Map(), new (class Token {})()])("refuses %s for a token", (input) => {
    expect(() => new OAuthToken(input as never)).toThrow();
  });
});

describe("redact", () => {
  it("blots out the longer of two secrets first, in message, stack and codes", () => {
    const error = Object.assign(new Error("abcd abcdef"), { code: "abcd", args: ["abcd"] });
    const copy = redact(error, ["abcd", "abcdef", "", "a"]);
    expect(copy.message).toBe("*** ***");
    expect(inspect(copy)).not.toContain("abcd");
    expect(copy).toMatchObject({ code: "***" });
  });
});
