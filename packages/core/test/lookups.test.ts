import { describe, expect, it } from "vitest";
import { keysOf, opaqueKey } from "../src/for-backends.js";
import { none } from "./records.js";

describe("the keys of a record", () => {
  it("are the same however often, and in whatever order, they are asked for", () => {
    const clients = ["one", null, "two", "one", null];
    for (const userName of ["ann", "x".repeat(300), "ann", ""]) {
      for (const clientId of clients) {
        expect(keysOf({ ...none, userName, clientId })).toEqual({
          userClient: opaqueKey("userClient", userName, clientId),
          grantToken: null,
          refreshToken: null,
          accessToken: null,
          user: opaqueKey("user", userName),
        });
      }
    }
  });

  it("are none where the record has no user and no token", () => {
    expect(Object.values(keysOf({ ...none, clientId: "one" }))).toEqual([null, null, null, null, null]);
  });
});
