import { expect, it } from "vitest";
import { keysOf } from "../src/lookups.js";
import type { TokenRecord } from "../src/record.js";
import { RecordMap } from "../src/record-map.js";
import { recordOf } from "./records.js";

function put(records: RecordMap, fields: Partial<TokenRecord> & { id: string }): boolean {
  const record = recordOf(fields);
  return records.put(record, keysOf(record));
}

const lastOf = (records: RecordMap) => {
  const { user } = keysOf(recordOf({ id: "", userName: "u" }));
  return records.find({ kind: "user", key: user! })?.id;
};

it("finds the record of a user that was saved last, in any order", () => {
  const records = new RecordMap();
  put(records, { id: "a", userName: "u", clientId: "a", savedAt: 5 });
  expect(lastOf(records)).toBe("a");
  put(records, { id: "b", userName: "u", clientId: "b", savedAt: 3 });
  expect(lastOf(records)).toBe("a");
  put(records, { id: "c", userName: "u", clientId: "c", savedAt: 5 });
  expect(lastOf(records)).toBe("c"); // in the same millisecond, and later
  put(records, { id: "c", userName: "u", clientId: "c", savedAt: 2 }); // by a clock that went back
  expect(lastOf(records)).toBe("a");
  put(records, { id: "a", userName: "another", clientId: "a", savedAt: 9 });
  expect(lastOf(records)).toBe("b");
  records.remove("b");
  expect(lastOf(records)).toBe("c");
  records.remove("c");
  expect(lastOf(records)).toBe(undefined);
});

it("changes nothing if a key belongs to another record, and leaves no key behind", () => {
  const records = new RecordMap();
  expect(put(records, { id: "a", refreshToken: "r", accessToken: "1" })).toBe(true);
  expect(put(records, { id: "b", refreshToken: "r", accessToken: "2" })).toBe(false);
  expect(records.size).toBe(1);
  expect(put(records, { id: "b", accessToken: "2" })).toBe(true);
  expect(put(records, { id: "a", refreshToken: "r", accessToken: "2" })).toBe(false);
  expect(records.get("a")?.accessToken).toBe("1");
  expect(put(records, { id: "a", refreshToken: "r", accessToken: "3" })).toBe(true);
  expect(put(records, { id: "c", accessToken: "1" })).toBe(true);
  records.remove("a");
  expect(put(records, { id: "d", refreshToken: "r", accessToken: "3" })).toBe(true);
});

it("keeps its order when a record returns under its id with another first save", () => {
  const records = new RecordMap();
  put(records, { id: "a", createdAt: 1 });
  put(records, { id: "b", createdAt: 2 });
  put(records, { id: "a", createdAt: 3 });
  expect(records.scan(null, null).map(({ id }) => id)).toEqual(["b", "a"]);
  records.remove("a");
  expect(records.scan({ createdAt: 1, id: "a" }, 5).map(({ id }) => id)).toEqual(["b"]);
});
