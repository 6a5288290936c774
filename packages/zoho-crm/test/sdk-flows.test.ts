// Zoho's own SDKs, each run as a process of its own, through everything that they ask of a store.
import { expect, it } from "vitest";
import { ADA, BOB, client, newLogin, onEachSdkAndStore, USUAL } from "./setting.js";

onEachSdkAndStore((setting) => {
  const { program, isDurable, sdk } = setting;
  const version = sdk.at(-3); // of the API: "8" of "typescript-sdk-8.0"

  it("logs in with a grant token and saves one record with the user's name", async () => {
    const login = newLogin(setting.zoho);
    const [, calls, id, records] = await program(
      [["initialize"], ["calls"], ["tokenId"], ["records"]],
      login,
    );
    expect(calls).toEqual(["findToken", "saveToken"]);
    expect(setting.zoho.requests).toEqual([
      "grant",
      `GET /crm/v${version}/users`,
      `GET /crm/v${version}/org`,
    ]);
    expect(records).toMatchObject([
      {
        ...login,
        id,
        userSignature: { name: "ada@example.com:7" },
        revision: 1,
        apiDomain: setting.zoho.url,
      },
    ]);
    expect(records[0].refreshToken).toMatch(/^1000\./);
    expect(records[0].expiresAt).toBeGreaterThan(Date.now());
  });

  it("calls the API with what findTokenById gives", async () => {
    const [, , status, calls] = await program(
      [["initialize"], ["calls"], ["api"], ["calls"]],
      newLogin(setting.zoho),
    );
    expect(status).toBe(200);
    expect(calls).toEqual(["findTokenById"]);
    expect(setting.zoho.served).toEqual([ADA.email]);
  });

  it("refreshes what has expired, saves it, and keeps the refresh token", async () => {
    const [, before, , , status, calls, after] = await program(
      [["initialize"], ["records"], ["expire"], ["calls"], ["api"], ["calls"], ["records"]],
      newLogin(setting.zoho),
    );
    expect(status).toBe(200);
    expect(calls).toEqual(["findTokenById", "saveToken"]);
    expect(setting.zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
    expect(after).toHaveLength(1);
    expect(after[0].refreshToken).toBe(before[0].refreshToken);
    expect(after[0].accessToken).not.toBe(before[0].accessToken);
    expect(after[0].expiresAt).toBeGreaterThan(Date.now());
  });

  it("keeps one record and its refresh token when three calls refresh at once", async () => {
    const [, before, , , statuses, calls, after] = await program(
      [["initialize"], ["records"], ["expire"], ["calls"], ["atOnce", 3], ["calls"], ["records"]],
      newLogin(setting.zoho),
    );
    expect(statuses).toEqual([200, 200, 200]);
    expect(calls.toSorted()).toEqual([...Array(3).fill("findTokenById"), ...Array(3).fill("saveToken")]);
    expect(after).toHaveLength(1);
    expect(after[0].refreshToken).toBe(before[0].refreshToken);
  });

  it("keeps two users apart, and two clients of one user", async () => {
    const ada = newLogin(setting.zoho, ADA, "client-1");
    const bob = newLogin(setting.zoho, BOB, "client-1");
    const other = newLogin(setting.zoho, ADA, "client-2");
    const [, , , records, , , , users] = await program([
      ["initialize", ada],
      ["initialize", bob],
      ["initialize", other],
      ["records"],
      ["expire"],
      ["initialize", { ...client("client-1"), user: "ada@example.com:7" }],
      ["api"],
      ["sdkTokens"],
    ]);
    expect(records.map(({ clientId, grantToken }: typeof ada) => [clientId, grantToken])).toEqual([
      ["client-1", ada.grantToken],
      ["client-1", bob.grantToken],
      ["client-2", other.grantToken],
    ]);
    expect(setting.zoho.served).toEqual([ADA.email]);
    expect(users).toEqual([
      [true, true, "ada@example.com:7"],
      [true, true, "bob@example.com:7"],
      [true, true, "ada@example.com:7"],
    ]);
  });

  it("finds the record by the user, the refresh token, the access token or the id alone", async () => {
    const saved = {
      ...client(),
      id: "old",
      userSignature: { name: "carol" },
      refreshToken: "refresh",
      accessToken: "access",
      expiresAt: Date.now() + 3_600_000,
    };
    const logins = [{ user: "carol" }, { refreshToken: "refresh" }, { accessToken: "access" }, { id: "old" }];
    const [, ...results] = await program([
      ["save", saved],
      ...logins.flatMap((login) => [["initialize", login], ["tokenId"], ["calls"]] as const),
      ["records"],
    ]);
    const found = ["findToken", "findToken", "findToken", "findTokenById"];
    expect(results.slice(0, -1)).toEqual(found.flatMap((call) => [null, "old", [call]]));
    expect(results.at(-1)).toMatchObject([{ id: "old", revision: 1 }]);
    expect(setting.zoho.requests).toEqual([]);
  });

  it("saves without a user where the SDK can't tell it, and goes on by the id", async () => {
    const [, records, status, calls] = await program([["initialize"], ["records"], ["api"], ["calls"]], {
      ...newLogin(setting.zoho),
      findUser: false,
    });
    expect(records).toMatchObject([{ userSignature: null, revision: 1 }]);
    expect(status).toBe(200);
    expect(calls).toEqual(["findToken", "saveToken", "findTokenById"]);
  });

  it("removes a record, and all of them", async () => {
    const [, removed, records, , , none] = await program([
      ["initialize", newLogin(setting.zoho)],
      ["remove"],
      ["records"],
      ["initialize", newLogin(setting.zoho, BOB)],
      ["deleteAll"],
      ["records"],
    ]);
    expect(removed).toBe(true);
    expect(records).toEqual([]);
    expect(none).toEqual([]);
  });

  if (!isDurable) return; // what follows is told across processes

  it("learns the name later", async () => {
    setting.zoho.isUserHidden = true;
    const login = newLogin(setting.zoho);
    const [, before] = await program([["initialize"], ["records"]], login);
    setting.zoho.isUserHidden = false;
    const [, , after] = await program([["expire"], ["initialize"], ["records"]], login);
    expect(after).toMatchObject([{ id: before[0].id, userSignature: { name: "ada@example.com:7" } }]);
  });

  it("needs no login in a new process, and refreshes there too", async () => {
    const login = newLogin(setting.zoho);
    const [, [record]] = await program([["initialize"], ["records"]], login);
    setting.zoho.requests.length = 0;
    const [, calls, id, status] = await program([["initialize"], ["calls"], ["tokenId"], ["api"]], login);
    expect(calls).toEqual(["findToken"]);
    expect(id).toBe(record.id);
    expect(status).toBe(200);
    expect(setting.zoho.requests).toEqual([`GET /crm/v${version}/settings/roles`]);

    const [, , again, records] = await program([["expire"], ["initialize"], ["api"], ["records"]], login);
    expect(again).toBe(200);
    expect(setting.zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
    expect(records).toMatchObject([{ id: record.id, refreshToken: record.refreshToken }]);
  });
}, USUAL);
