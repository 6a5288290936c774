// Zoho's own SDKs, each run as a process of its own, through everything that they ask of a store.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startZoho, type ZohoStandIn } from "@tokenkeep/zoho-stand-in";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Program, run, SDKS } from "./program.js";

const ADA = { email: "ada@example.com", zgid: "7" };
const BOB = { email: "bob@example.com", zgid: "7" };
const STORES = [
  { name: "memory", module: "@tokenkeep/memory", isDurable: false },
  { name: "SQLite", module: "@tokenkeep/sqlite", isDurable: true },
];

let zoho: ZohoStandIn;
let directory: string;
let count = 0;
beforeAll(async () => {
  zoho = await startZoho();
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-zoho-"));
});
afterAll(async () => {
  await zoho.stop();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  zoho.requests.length = 0;
  zoho.served.length = 0;
  zoho.isUserHidden = false;
});

describe.each(SDKS)("the %s SDK", (sdk) => {
  describe.each(STORES)("on $name", ({ module, isDurable }) => {
    let path: string;
    beforeEach(() => {
      path = join(directory, `tokens-${++count}.db`);
    });
    const program = (steps: Program["steps"], login: Program["login"] = {}) =>
      run({ sdk, url: zoho.url, store: module, login, steps, ...(isDurable ? { path } : {}) });
    const client = (clientId = "client-1") => ({ clientId, clientSecret: `secret of ${clientId}` });
    const newLogin = (person = ADA, clientId = "client-1") => ({
      ...client(clientId),
      grantToken: zoho.grant(clientId, person),
    });

    it("logs in with a grant token and saves one record with the user's name", async () => {
      const login = newLogin();
      const [, calls, id, records] = await program(
        [["initialize"], ["calls"], ["tokenId"], ["records"]],
        login,
      );
      expect(calls).toEqual(["findToken", "saveToken"]);
      expect(zoho.requests).toEqual(["grant", "GET /crm/v8/users", "GET /crm/v8/org"]);
      expect(records).toMatchObject([
        { ...login, id, userSignature: { name: "ada@example.com:7" }, revision: 1, apiDomain: zoho.url },
      ]);
      expect(records[0].refreshToken).toMatch(/^1000\./);
      expect(records[0].expiresAt).toBeGreaterThan(Date.now());
    });

    it("calls the API with what findTokenById gives", async () => {
      const [, , status, calls] = await program([["initialize"], ["calls"], ["api"], ["calls"]], newLogin());
      expect(status).toBe(200);
      expect(calls).toEqual(["findTokenById"]);
      expect(zoho.served).toEqual([ADA.email]);
    });

    it("refreshes what has expired, saves it, and keeps the refresh token", async () => {
      const [, before, , , status, calls, after] = await program(
        [["initialize"], ["records"], ["expire"], ["calls"], ["api"], ["calls"], ["records"]],
        newLogin(),
      );
      expect(status).toBe(200);
      expect(calls).toEqual(["findTokenById", "saveToken"]);
      expect(zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
      expect(after).toHaveLength(1);
      expect(after[0].refreshToken).toBe(before[0].refreshToken);
      expect(after[0].accessToken).not.toBe(before[0].accessToken);
      expect(after[0].expiresAt).toBeGreaterThan(Date.now());
    });

    it("keeps one record and its refresh token when three calls refresh at once", async () => {
      const [, before, , , statuses, calls, after] = await program(
        [["initialize"], ["records"], ["expire"], ["calls"], ["threeAtOnce"], ["calls"], ["records"]],
        newLogin(),
      );
      expect(statuses).toEqual([200, 200, 200]);
      expect(calls.toSorted()).toEqual([...Array(3).fill("findTokenById"), ...Array(3).fill("saveToken")]);
      expect(after).toHaveLength(1);
      expect(after[0].refreshToken).toBe(before[0].refreshToken);
    });

    it("keeps two users apart, and two clients of one user", async () => {
      const ada = newLogin(ADA, "client-1");
      const bob = newLogin(BOB, "client-1");
      const other = newLogin(ADA, "client-2");
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
      expect(zoho.served).toEqual([ADA.email]);
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
      const logins = [
        { user: "carol" },
        { refreshToken: "refresh" },
        { accessToken: "access" },
        { id: "old" },
      ];
      const [, ...results] = await program([
        ["save", saved],
        ...logins.flatMap((login) => [["initialize", login], ["tokenId"], ["calls"]] as const),
        ["records"],
      ]);
      const found = ["findToken", "findToken", "findToken", "findTokenById"];
      expect(results.slice(0, -1)).toEqual(found.flatMap((call) => [null, "old", [call]]));
      expect(results.at(-1)).toMatchObject([{ id: "old", revision: 1 }]);
      expect(zoho.requests).toEqual([]);
    });

    it("rejects an id that is not stored, clearly, and asks Zoho for nothing", async () => {
      const [result, records] = await program([["initialize", { id: "gone" }], ["records"]]);
      const error = result.error.find(({ name }: { name: string }) => name === "TokenStoreError");
      expect(result.error[0].kind).toBe("SDKException");
      expect(error).toMatchObject({ code: "ERR_INVALID_TOKEN", message: expect.stringMatching(/"gone"/) });
      expect(zoho.requests).toEqual([]);
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

    it("saves without a user where the SDK can't tell it, and goes on by the id", async () => {
      const [, records, status, calls] = await program([["initialize"], ["records"], ["api"], ["calls"]], {
        ...newLogin(),
        findUser: false,
      });
      expect(records).toMatchObject([{ userSignature: null, revision: 1 }]);
      expect(status).toBe(200);
      expect(calls).toEqual(["findToken", "saveToken", "findTokenById"]);
    });

    it("saves without a user where the call for the user fails", async () => {
      zoho.isUserHidden = true;
      const [result, records] = await program([["initialize"], ["records"]], newLogin());
      expect(result).toBeNull();
      expect(records).toMatchObject([{ userSignature: null }]);
    });

    it("goes on refreshing where the name, learned later, is another record's", async () => {
      const [first, , second, , , result, calls, status, records] = await program([
        ["save", { ...client(), userSignature: { name: "ada@example.com:7" }, refreshToken: "other" }],
        ["initialize", { ...newLogin(), findUser: false }],
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

    it("removes a record, and all of them", async () => {
      const [, removed, records, , , none] = await program([
        ["initialize", newLogin()],
        ["remove"],
        ["records"],
        ["initialize", newLogin(BOB)],
        ["deleteAll"],
        ["records"],
      ]);
      expect(removed).toBe(true);
      expect(records).toEqual([]);
      expect(none).toEqual([]);
    });

    it("tells a store's error to the SDK's caller as the cause", async () => {
      const [, , result] = await program([["initialize"], ["close"], ["api"]], newLogin());
      expect(result.error[0].kind).toBe("SDKException");
      expect(result.error).toContainEqual(expect.objectContaining({ code: "ERR_STORE_CLOSED" }));
    });

    it("tells that of a failed save, too", async () => {
      const [, result] = await program([["failSaves"], ["initialize"]], newLogin());
      expect(result.error[0].kind).toBe("SDKException");
      expect(result.error).toContainEqual(expect.objectContaining({ code: "ERR_UNAVAILABLE" }));
    });

    it("switches users to and fro, where the SDK's own memory of them is cleared", async () => {
      const [ada, bob] = [{ user: "ada@example.com:7" }, { user: "bob@example.com:7" }];
      await program([
        ["initialize", newLogin(ADA)],
        ["initialize", newLogin(BOB)],
        ...[ada, bob, ada].flatMap((user) => [["switchUser", { ...user, clears: true }], ["api"]] as const),
      ]);
      expect(zoho.served).toEqual([ADA.email, BOB.email, ADA.email]);
    });

    it("can't be made to revoke by any asynchronous store", async () => {
      const [, result] = await program([["initialize"], ["revoke", "any"]], newLogin());
      // false, or a TypeError of the SDK's own; see the README
      expect(sdk === "typescript" ? result : result.error.at(-1).kind).toBe(
        sdk === "typescript" ? false : "TypeError",
      );
    });

    if (!isDurable) return; // what follows is told across processes

    it("learns the name later", async () => {
      zoho.isUserHidden = true;
      const login = newLogin();
      const [, before] = await program([["initialize"], ["records"]], login);
      zoho.isUserHidden = false;
      const [, , after] = await program([["expire"], ["initialize"], ["records"]], login);
      expect(after).toMatchObject([{ id: before[0].id, userSignature: { name: "ada@example.com:7" } }]);
    });

    it("needs no login in a new process, and refreshes there too", async () => {
      const login = newLogin();
      const [, [record]] = await program([["initialize"], ["records"]], login);
      zoho.requests.length = 0;
      const [, calls, id, status] = await program([["initialize"], ["calls"], ["tokenId"], ["api"]], login);
      expect(calls).toEqual(["findToken"]);
      expect(id).toBe(record.id);
      expect(status).toBe(200);
      expect(zoho.requests).toEqual(["GET /crm/v8/settings/roles"]);

      const [, , again, records] = await program([["expire"], ["initialize"], ["api"], ["records"]], login);
      expect(again).toBe(200);
      expect(zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
      expect(records).toMatchObject([{ id: record.id, refreshToken: record.refreshToken }]);
    });
  });
});
