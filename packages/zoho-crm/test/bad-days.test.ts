// Zoho's own SDKs where something is missing, fails, or is not as they think.
import { expect, it } from "vitest";
import { ADA, BOB, client, NEWEST, newLogin, onEachSdkAndStore } from "./setting.js";

onEachSdkAndStore((setting) => {
  const { program, sdk } = setting;
  const isTypescript = sdk.startsWith("typescript");

  it("rejects an id that is not stored, clearly, and asks Zoho for nothing", async () => {
    const [result, records] = await program([["initialize", { id: "gone" }], ["records"]]);
    const error = result.error.find(({ name }: { name: string }) => name === "TokenStoreError");
    expect(result.error[0].kind).toBe("SDKException");
    expect(error).toMatchObject({ code: "ERR_INVALID_TOKEN", message: expect.stringMatching(/"gone"/) });
    expect(setting.zoho.requests).toEqual([]);
    expect(records).toEqual([]);
  });

  it("never finds anybody's token for a token that names nothing findable", async () => {
    const [, result, , records] = await program([
      ["save", { ...client(), userSignature: { name: "carol" }, refreshToken: "SECRET" }],
      ["initialize", { clientId: "mine", clientSecret: "mine" }],
      ["calls"],
      ["records"],
    ]);
    expect(result.error[0].kind).toBe("SDKException");
    expect(records).toMatchObject([{ clientId: "client-1", revision: 1 }]);
  });

  it("saves without a user where the call for the user fails", async () => {
    setting.zoho.isUserHidden = true;
    const [result, records] = await program([["initialize"], ["records"]], newLogin(setting.zoho));
    expect(result).toBeNull();
    expect(records).toMatchObject([{ userSignature: null }]);
  });

  it("goes on refreshing where the name, learned later, is another record's", async () => {
    const [first, , second, , , result, calls, status, records] = await program([
      ["save", { ...client(), userSignature: { name: "ada@example.com:7" }, refreshToken: "other" }],
      ["initialize", { ...newLogin(setting.zoho), findUser: false }],
      ["tokenId"],
      ["expire"],
      ["calls"],
      ["initialize", { ...client(), id: "the last one" }],
      ["calls"],
      ["api"],
      ["records"],
    ]);
    expect(result).toBeNull();
    expect(calls).toEqual(["findTokenById", "saveToken"]);
    expect(status).toBe(200);
    expect(records.map(({ id }: { id: string }) => id)).toEqual([first, second]);
    expect(records[1]).toMatchObject({ userSignature: null });
    expect(records[1].expiresAt).toBeGreaterThan(Date.now());
  });

  it("tells a store's error to the SDK's caller as the cause", async () => {
    const [, , result] = await program([["initialize"], ["close"], ["api"]], newLogin(setting.zoho));
    expect(result.error[0].kind).toBe("SDKException");
    expect(result.error).toContainEqual(expect.objectContaining({ code: "ERR_STORE_CLOSED" }));
  });

  it("tells that of a failed save, too", async () => {
    const [, result] = await program([["failSaves"], ["initialize"]], newLogin(setting.zoho));
    expect(result.error[0].kind).toBe("SDKException");
    expect(result.error).toContainEqual(expect.objectContaining({ code: "ERR_UNAVAILABLE" }));
  });

  it("switches users to and fro, where the SDK's own memory of them is cleared", async () => {
    const [ada, bob] = [{ user: "ada@example.com:7" }, { user: "bob@example.com:7" }];
    await program([
      ["initialize", newLogin(setting.zoho, ADA)],
      ["initialize", newLogin(setting.zoho, BOB)],
      ...[ada, bob, ada].flatMap((user) => [["switchUser", { ...user, clears: true }], ["api"]] as const),
    ]);
    expect(setting.zoho.served).toEqual([ADA.email, BOB.email, ADA.email]);
  });

  it("can't be made to revoke by any asynchronous store", async () => {
    const [, result] = await program([["initialize"], ["revoke", "any"]], newLogin(setting.zoho));
    // false, or a TypeError of the SDK's own; see the README
    expect(isTypescript ? result : result.error.at(-1).kind).toBe(isTypescript ? false : "TypeError");
  });
}, NEWEST);
