import { describeOnServer } from "@tokenkeep/test-servers";
import { type Collection, MongoClient } from "mongodb";
import { afterAll, beforeEach, expect, it } from "vitest";
import { fill } from "./support/backends.js";
import { doctor, fiveMinutesAhead } from "./support/doctor.js";

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

    it.skipIf(server === "mongodb")("finds a wrong password", async () => {
      const wrong = url.replace("test-password", "not-the-word");
      expect(await doctor(wrong, {}, url)).toEqual({ status: 1, names: ["refused"] });
    });
  });
}
