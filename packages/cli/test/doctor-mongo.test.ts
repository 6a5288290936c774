import { describeOnServer } from "@tokenkeep/test-servers";
import { type Collection, MongoClient } from "mongodb";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type AuthInfo, lackedActions } from "../src/doctor/mongo.js";
import { fill } from "./support/backends.js";
import { doctor, fiveMinutesAhead } from "./support/doctor.js";

// What MongoDB answers to `connectionStatus`, as its manual describes it. On a server itself: see below.
describe("the actions that a user lacks", () => {
  const lacked = (...privileges: NonNullable<AuthInfo["authenticatedUserPrivileges"]>) =>
    lackedActions(
      { authenticatedUsers: [{ user: "app", db: "admin" }], authenticatedUserPrivileges: privileges },
      "app",
    );
  const readWrite = ["find", "insert", "update", "remove", "createIndex", "listIndexes"];

  it.each([
    [{ db: "app", collection: "oauth_tokens" }],
    [{ db: "app", collection: "" }],
    [{ db: "", collection: "" }],
    [{ db: "", collection: "oauth_tokens" }],
    [{ anyResource: true }],
  ])("none with the rights on %j", (resource) => {
    expect(lacked({ resource, actions: readWrite })).toEqual([]);
    const actions = ["find", "listIndexes"];
    expect(lacked({ resource, actions })).toEqual(["insert", "update", "remove", "createIndex"]);
  });

  it.each([[{ db: "other", collection: "" }], [{ db: "app", collection: "other" }], [{ cluster: true }]])(
    "all with the rights on %j",
    (resource) => {
      expect(lacked({ resource, actions: readWrite })).toHaveLength(5);
    },
  );

  it("add up, and are unknown without a user or an answer", () => {
    const resource = { db: "app", collection: "" };
    const parts = [readWrite.slice(0, 2), readWrite.slice(2)].map((actions) => ({ resource, actions }));
    expect(lacked(...parts)).toEqual([]);
    expect(lacked()).toHaveLength(5);
    expect(lackedActions({ authenticatedUsers: [], authenticatedUserPrivileges: [] }, "app")).toEqual([]);
    expect(lackedActions({ authenticatedUsers: [{ user: "app" }] }, "app")).toEqual([]);
  });
});

for (const server of ["ferretdb", "mongodb"] as const) {
  await describeOnServer(server, ({ url }) => {
    const client = new MongoClient(url);
    afterAll(() => client.close());
    const tokens: Collection<{ _id: string; [field: string]: unknown }> = client
      .db()
      .collection("oauth_tokens");
    const records = { record: { $exists: true } };

    beforeEach(async () => {
      await tokens.drop().catch(() => {});
      await fill(url, ["ann", "bob"]);
    });

    it("finds nothing in a healthy store", async () => {
      expect(await doctor(url)).toEqual({ status: 0, names: [] });
    });

    const planted: [string, string, () => Promise<unknown>][] = [
      ["index-missing", "a key is gone", () => tokens.updateOne(records, { $pop: { keys: 1 } } as object)],
      ["schema-index-missing", "an index is dropped", () => tokens.dropIndex("tokenkeep_keys")],
      ["schema", "the layout is older", () => tokens.updateOne({ _id: "~schema" }, { $set: { version: 0 } })],
      ["schema", "the collection is dropped", () => tokens.drop()],
      ["corrupt", "a record is damaged", () => tokens.updateOne(records, { $set: { record: "torn" } })],
    ];
    it.each(planted)("finds %s when %s", async (name, _what, plant) => {
      await plant();
      expect(await doctor(url)).toEqual({ status: 1, names: [name] });
    });

    it("finds a clock that is five minutes off", async () => {
      expect((await fiveMinutesAhead(() => doctor(url))).names).toEqual(["clock-differs"]);
    });

    const asUser = async (role: string) => {
      await client
        .db()
        .command({ dropUser: "app" })
        .catch(() => {});
      await client
        .db()
        .command({ createUser: "app", pwd: "pass-word", roles: [{ role, db: client.db().databaseName }] });
      const app = new URL(url);
      app.username = "app";
      app.password = "pass-word";
      return app.href;
    };

    it.runIf(server === "mongodb")("finds a user who can only read, and one without a right", async () => {
      expect((await doctor(await asUser("read"), {}, url)).names).toEqual(["missing-privileges"]);
      expect((await doctor(await asUser("dbAdmin"), {}, url)).names).toContain("missing-privileges");
      expect(await doctor(await asUser("readWrite"), {}, url)).toEqual({ status: 0, names: [] });
    });

    it.runIf(server === "ferretdb")(
      "finds no missing right, as FerretDB lets such a user write",
      async () => {
        const app = await asUser("read");
        expect(await doctor(app, {}, url)).toEqual({ status: 0, names: [] });
        await fill(app, ["cy"]);
        expect(await tokens.countDocuments(records)).toBe(3);
      },
    );

    it.skipIf(server === "mongodb")("finds a wrong password", async () => {
      const wrong = url.replace("test-password", "not-the-word");
      expect(await doctor(wrong, {}, url)).toEqual({ status: 1, names: ["refused"] });
    });
  });
}
