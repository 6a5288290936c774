import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BaseTokenStore, type Lookup, type RecordKeys, type TokenRecord } from "../src/index.js";
import { FakeBackend } from "./fake-backend.js";

/** As far away as a server, and it counts what it is asked. */
class Remote extends FakeBackend {
  calls: string[] = [];
  /** How many lookups each read had. */
  lookups: number[] = [];

  override async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    this.calls.push("read");
    this.lookups.push(lookups.length);
    return super.read(lookups);
  }
  override async insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    this.calls.push("insert");
    return super.insert(record, keys);
  }
  override async replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    this.calls.push("replace");
    return super.replace(record, keys, previous);
  }
}

const ann = { userSignature: { name: "ann" }, clientId: "app" };
const first = { ...ann, refreshToken: "r", accessToken: "a-1", expiresAt: 1 };

let backend: Remote;
let store: BaseTokenStore;
/** Of another process. */
let other: BaseTokenStore;
let id: string;

beforeEach(async () => {
  backend = new Remote();
  store = new BaseTokenStore(backend);
  other = new BaseTokenStore(backend);
  id = (await other.saveToken(first)).id ?? "";
  backend.calls = [];
  backend.lookups = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a save of a record that was found or saved here a moment ago", () => {
  it("writes at once, by user and client", async () => {
    await store.findToken(ann);
    expect(await store.saveToken({ ...ann, accessToken: "a-2" })).toMatchObject({ id, revision: 2 });
    expect(backend.calls).toEqual(["read", "replace"]);
  });

  it("writes at once, by id", async () => {
    await store.findTokenById(id);
    expect(await store.saveToken({ id, accessToken: "a-2" })).toMatchObject({
      refreshToken: "r",
      revision: 2,
    });
    expect(backend.calls).toEqual(["read", "replace"]);
  });

  it("writes at once, after a save", async () => {
    await store.saveToken({ refreshToken: "r", accessToken: "a-2" });
    await store.saveToken({ ...ann, accessToken: "a-3" });
    expect(await store.saveToken({ id, accessToken: "a-4" })).toMatchObject({ revision: 4 });
    expect(backend.calls).toEqual(["read", "replace", "replace", "replace"]);
  });

  it("writes at once at the revision that is known, and asks the database about any other", async () => {
    await store.findToken(ann);
    await store.saveToken({ ...ann, accessToken: "a-2" }, { ifRevision: 1 });
    expect(backend.calls).toEqual(["read", "replace"]);
    await other.saveToken({ ...ann, accessToken: "a-3" });
    expect(await store.saveToken({ ...ann, accessToken: "a-4" }, { ifRevision: 3 })).toMatchObject({
      revision: 4,
    });
    await other.saveToken({ ...ann, accessToken: "a-5" });
    await expect(store.saveToken({ ...ann, accessToken: "a-6" }, { ifRevision: 4 })).rejects.toMatchObject({
      code: "ERR_CONFLICT",
      id,
    });
  });

  it("reads after all where another process has changed it, and merges into what is there", async () => {
    await store.findToken(ann);
    await other.saveToken({ ...ann, refreshToken: "r-2" });
    backend.calls = [];
    expect(await store.saveToken({ ...ann, accessToken: "a-2" })).toMatchObject({
      refreshToken: "r-2",
      accessToken: "a-2",
      revision: 3,
    });
    expect(backend.calls).toEqual(["replace", "read", "replace"]);
    // others save it as well: what is known of it would soon be out of date again
    backend.calls = [];
    await store.saveToken({ ...ann, accessToken: "a-3" });
    expect(backend.calls).toEqual(["read", "replace"]);
  });

  it("inserts where it was deleted meanwhile", async () => {
    await store.findToken(ann);
    await other.deleteToken(id);
    expect(await store.saveToken(first)).toMatchObject({ revision: 1 });
    expect(backend.records).toHaveLength(1);
  });

  it.each([
    ["deleteToken", () => store.deleteToken(id)],
    ["deleteTokens", () => store.deleteTokens()],
  ])("looks again after %s", async (_, remove) => {
    await store.findToken(ann);
    await remove();
    backend.calls = [];
    await store.saveToken(first);
    expect(backend.calls).toEqual(["read", "insert"]);
  });
});

describe("a save looks first", () => {
  it.each([
    [
      "by user alone: another record of the user may have been saved since",
      { userSignature: { name: "ann" } },
    ],
    ["by a token value", { refreshToken: "r" }],
    ["for another client", { ...ann, clientId: "another", refreshToken: "r-another" }],
  ])("%s", async (_, given) => {
    await store.findToken(given);
    await store.findToken(ann);
    backend.calls = [];
    await store.saveToken({ ...given, accessToken: "a-2" });
    expect(backend.calls[0]).toBe("read");
  });

  it("for a user with a client whose record was found without one", async () => {
    await other.saveToken({ userSignature: { name: "bob" }, refreshToken: "r-bob" });
    const bob = { userSignature: { name: "bob" }, clientId: "app" };
    expect(await store.findToken(bob)).toMatchObject({ refreshToken: "r-bob" });
    backend.calls = [];
    await store.saveToken({ ...bob, accessToken: "a-bob" });
    expect(backend.calls[0]).toBe("read");
  });

  it("ten seconds after the find", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    await store.findToken(ann);
    vi.advanceTimersByTime(10_000);
    await store.saveToken({ ...ann, accessToken: "a-2" });
    expect(backend.calls).toEqual(["read", "read", "replace"]);
  });

  it("for a record too long to be kept", async () => {
    const long = { ...ann, accessToken: "x".repeat(20_000) };
    await store.saveToken(long);
    await store.saveToken({ ...ann, apiDomain: "d" });
    expect(backend.calls).toEqual(["read", "replace", "read", "replace"]);
  });

  it("where the backend has to", async () => {
    class Careful extends Remote {
      readonly replacesAfterRead = true;
    }
    const careful = new Careful();
    const carefully = new BaseTokenStore(careful);
    await carefully.saveToken(first);
    await carefully.findToken(ann);
    await carefully.saveToken({ ...ann, accessToken: "a-2" });
    expect(careful.calls).toEqual(["read", "insert", "read", "read", "replace"]);
    expect(careful.lookups).toEqual([4, 1, 1]);
  });

  it("where the backend answers at once, since a read costs no more there than what is known", async () => {
    let reads = 0;
    class Local extends FakeBackend {
      override read(lookups: readonly Lookup[]) {
        reads++;
        return super.read(lookups);
      }
    }
    const local = new BaseTokenStore(new Local());
    await local.saveToken(first);
    await local.findToken(ann);
    await local.saveToken(first);
    expect(reads).toBe(3);
  });
});

describe("what was found before is looked for by its key alone", () => {
  it("by user and client", async () => {
    for (let i = 0; i < 3; i++) expect(await store.findToken(ann)).toMatchObject({ id });
    expect(await store.findToken(first)).toMatchObject({ id });
    expect(backend.lookups).toEqual([2, 1, 1, 1]);
  });

  it("by a save too, long after it was found", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    await store.findToken(ann);
    vi.advanceTimersByTime(3_600_000);
    expect(await store.saveToken({ ...first, accessToken: "a-2" })).toMatchObject({ id, revision: 2 });
    expect(backend.lookups).toEqual([2, 1]);
  });

  it("and once more by all, where it is gone", async () => {
    await store.findToken(ann);
    await other.deleteToken(id);
    expect(await store.findToken(ann)).toBeNull();
    expect(await store.findToken(ann)).toBeNull();
    expect(backend.lookups).toEqual([2, 1, 2, 2]);
  });

  it("and once more by all, where it is another client's now", async () => {
    await store.findToken(ann);
    await other.saveToken({ id, clientId: "another" });
    expect(await store.findToken(ann)).toBeNull();
    expect(await store.findToken({ ...ann, clientId: "another" })).toMatchObject({ id });
    expect(await store.findToken(ann)).toBeNull();
    expect(backend.lookups).toEqual([2, 1, 2, 2, 2]);
  });

  it("but not where the user's record has no client: it is not by that key that it was found", async () => {
    await other.saveToken({ userSignature: { name: "bob" }, refreshToken: "r-bob" });
    backend.lookups = [];
    const bob = { userSignature: { name: "bob" }, clientId: "app" };
    for (let i = 0; i < 3; i++) expect(await store.findToken(bob)).toMatchObject({ refreshToken: "r-bob" });
    expect(backend.lookups).toEqual([2, 2, 2]);
  });
});
