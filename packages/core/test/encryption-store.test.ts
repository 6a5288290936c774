import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { Deadline } from "../src/deadline.js";
import { checkEncryption } from "../src/encryption/options.js";
import { SealedBackend } from "../src/encryption/sealed-backend.js";
import { keysOf } from "../src/lookups.js";
import { NO_FIELDS } from "../src/properties.js";
import { Database, newKey, storeError, wholeToken } from "./encryption-stores.js";

const SECRETS = ["client-secret", "grant-token", "refresh-token", "access-token", "id-token", "metadata"];
const key = newKey("2026-11");
const encryption = { keys: [key] };

async function saved(database = new Database(), options = encryption) {
  const store = database.store(options);
  await store.saveToken(wholeToken("ann"));
  return { database, store };
}

describe("a store with keys", () => {
  it("stores no secret and no metadata in the open, and finds by each of them", async () => {
    const { database, store } = await saved();
    for (const secret of SECRETS) expect(database.dump).not.toContain(`${secret}-ann`);
    for (const seen of ["ann@example.com", "client", "https://api.example", "read write"]) {
      expect(database.dump).toContain(seen);
    }
    const found = await store.findTokenById("id-ann");
    expect(found?.toPlain()).toMatchObject(wholeToken("ann"));
    for (const kind of ["grantToken", "refreshToken", "accessToken", "userSignature"] as const) {
      const other = await database.store(encryption).findToken({ [kind]: wholeToken("ann")[kind] });
      expect(other?.toPlain()).toEqual(found?.toPlain());
    }
    expect((await store.getTokens()).map(({ id }) => id)).toEqual(["id-ann"]);
  });

  it("seals all values again in every save, also where none of them changes", async () => {
    const { database, store } = await saved();
    const before = database.stored("id-ann");
    await store.saveToken({ id: "id-ann", apiDomain: "https://other.example", accessToken: "changed" });
    const after = database.stored("id-ann");
    for (const property of ["clientSecret", "refreshToken", "idToken", "metadata"] as const) {
      expect(after[property]).not.toBe(before[property]);
    }
    expect(await store.findTokenById("id-ann")).toMatchObject({
      apiDomain: "https://other.example",
      refreshToken: "refresh-token-ann",
    });
  });

  it("is synchronous where its backend is and the keys are known", () => {
    const backend = new SealedBackend(new Database().backend(), "", checkEncryption(encryption));
    const deadline = new Deadline("shared", 1_000);
    expect(backend.open(deadline)).toBe(undefined);
    const record = {
      ...NO_FIELDS,
      id: "a",
      accessToken: "t",
      revision: 1,
      etag: "e",
      createdAt: 1,
      savedAt: 1,
    };
    // the first seal stores the check value of the key
    expect(backend.insert(record, keysOf(record), deadline)).toBeInstanceOf(Promise);
    return Promise.resolve().then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(backend.replace({ ...record, etag: "f" }, keysOf(record), record, deadline)).toBe(true);
      expect(backend.read([{ kind: "id", key: "a" }], deadline)).toMatchObject([{ accessToken: "t" }]);
    });
  });

  it("returns any text as it was, also text that looks sealed, and long text", async () => {
    const { database, store } = await saved();
    const sealed = database.stored("id-ann").accessToken as string;
    const long = "🔑".repeat(16_384);
    for (const accessToken of [sealed, `tokenkeep0:${sealed}`, "tokenkeep9:", long]) {
      await store.saveToken({ id: "id-ann", accessToken });
      expect((await store.findToken({ accessToken }))?.accessToken).toBe(accessToken);
    }
  });

  it("shows no key when it is logged", async () => {
    const { store } = await saved();
    const shown = inspect(store, { depth: 9, showHidden: true });
    for (const form of [key.key.toString("base64"), key.key.toString("hex"), key.key.toString("latin1")]) {
      expect(shown).not.toContain(form);
    }
    expect(shown).not.toContain("Buffer");
  });
});

describe("a store without keys", () => {
  it("refuses sealed records with ERR_KEY, and changes nothing", async () => {
    const { database } = await saved();
    const before = database.dump;
    const store = database.store();
    const refused = storeError("ERR_KEY", { id: "id-ann", retryable: false });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(refused);
    await expect(store.getTokens()).rejects.toMatchObject(refused);
    await expect(store.saveToken({ id: "id-ann", accessToken: "x" })).rejects.toMatchObject(refused);
    await expect(store.saveToken(wholeToken("ann"))).rejects.toThrow('the key "2026-11"');
    expect(database.dump).toBe(before);
    await store.saveToken({ accessToken: "another" });
  });

  it("returns plaintext that looks sealed as it was", async () => {
    const { database } = await saved();
    const sealed = database.stored("id-ann").accessToken as string;
    const store = new Database().store();
    for (const accessToken of [sealed, "tokenkeep0:x", "tokenkeep7:", "tokenkeep1:"]) {
      const { id } = await store.saveToken({ accessToken, refreshToken: `r${accessToken}` });
      expect(await store.findTokenById(id as string)).toMatchObject({
        accessToken,
        refreshToken: `r${accessToken}`,
      });
    }
  });

  it("stores ordinary records as they are", async () => {
    const database = new Database();
    await database.store().saveToken(wholeToken("ann"));
    expect(database.stored("id-ann").accessToken).toBe("access-token-ann");
    expect(database.records.size).toBe(1);
  });
});

describe("plaintext records", () => {
  it("are read, and sealed at their next save", async () => {
    const database = new Database();
    await database.store().saveToken(wholeToken("ann"));
    await database.store().saveToken(wholeToken("bob"));
    const store = database.store(encryption);
    expect((await store.getTokens()).map(({ refreshToken }) => refreshToken)).toEqual([
      "refresh-token-ann",
      "refresh-token-bob",
    ]);
    await store.saveToken({ id: "id-ann", accessToken: "new-access-token" });
    for (const secret of SECRETS) expect(database.dump).not.toContain(`${secret}-ann`);
    expect(database.dump).toContain("refresh-token-bob");
    expect((await store.getTokens()).map(({ id }) => id)).toEqual(["id-ann", "id-bob"]);
  });

  it("are refused by requireEncrypted, and left alone", async () => {
    const database = new Database();
    await database.store().saveToken(wholeToken("ann"));
    const before = database.dump;
    const store = database.store({ ...encryption, requireEncrypted: true });
    const refused = storeError("ERR_KEY", { property: "clientSecret", id: "id-ann" });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(refused);
    await expect(store.saveToken({ id: "id-ann", accessToken: "x" })).rejects.toMatchObject(refused);
    expect(database.dump).toBe(before);
    await store.saveToken(wholeToken("bob"));
    expect((await store.findTokenById("id-bob"))?.accessToken).toBe("access-token-bob");
  });
});

describe("who can write to the database", () => {
  it.each([
    ["the host that gets the token", { apiDomain: "https://evil.example" }],
    ["the user", { userName: "eve@example.com" }],
    ["the client", { clientId: "other" }],
    ["the issuer", { issuer: "https://evil.example" }],
  ])("can't change %s", async (_what, change) => {
    const { database, store } = await saved();
    database.tamper("id-ann", change);
    const before = database.dump;
    const refused = storeError("ERR_CORRUPT", { id: "id-ann", property: "clientSecret" });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(refused);
    await expect(store.saveToken({ id: "id-ann", accessToken: "x" })).rejects.toMatchObject(refused);
    expect(database.dump).toBe(before);
  });

  it("can't swap two records, or two values", async () => {
    const { database, store } = await saved();
    await store.saveToken(wholeToken("bob"));
    const [ann, bob] = [database.stored("id-ann"), database.stored("id-bob")];
    database.tamper("id-ann", { ...bob, id: "id-ann" });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(storeError("ERR_CORRUPT"));
    database.tamper("id-ann", { ...ann, refreshToken: ann.accessToken });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(
      storeError("ERR_CORRUPT", { property: "refreshToken" }),
    );
    expect((await store.findTokenById("id-bob"))?.refreshToken).toBe("refresh-token-bob");
  });

  it("can't rename the key of a value, even to one with the same bytes", async () => {
    const { database } = await saved();
    const same = { id: "same", key: key.key };
    database.tamper("id-ann", {
      accessToken: (database.stored("id-ann").accessToken as string).replace("2026-11", "same"),
    });
    const store = database.store({ keys: [key, same] });
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(
      storeError("ERR_CORRUPT", { property: "accessToken" }),
    );
  });

  it("can replay an older record, which the page says", async () => {
    const { database, store } = await saved();
    const older = database.stored("id-ann");
    await store.saveToken({ id: "id-ann", accessToken: "newer" });
    database.tamper("id-ann", older);
    expect((await store.findTokenById("id-ann"))?.accessToken).toBe("access-token-ann");
  });
});

describe("keys", () => {
  it("that are missing are ERR_KEY naming the key; other records are not affected", async () => {
    const { database } = await saved();
    const other = newKey("2027-01");
    const store = database.store({ keys: [other] });
    await store.saveToken(wholeToken("bob"));
    await expect(store.findTokenById("id-ann")).rejects.toThrow('"2026-11"');
    await expect(store.findTokenById("id-ann")).rejects.toMatchObject(
      storeError("ERR_KEY", { retryable: false }),
    );
    expect((await store.findTokenById("id-bob"))?.accessToken).toBe("access-token-bob");
  });

  it("with other bytes under a known id are refused when the store opens", async () => {
    const { database } = await saved();
    const before = database.dump;
    const wrong = { keys: [{ id: "2026-11", key: newKey("x").key }] };
    for (const encryption of [wrong, { keys: [newKey("2027-01"), ...wrong.keys] }]) {
      const store = database.store(encryption);
      await expect(store.saveToken(wholeToken("bob"))).rejects.toMatchObject(storeError("ERR_KEY"));
      await expect(store.findToken({ accessToken: "unknown" })).rejects.toThrow('"2026-11" has other bytes');
    }
    expect(database.dump).toBe(before);
  });

  it("with other bytes are refused also where another process sealed with the right ones after the store opened", async () => {
    const database = new Database();
    const wrong = database.store({ keys: [{ id: "2026-11", key: newKey("x").key }] });
    expect(await wrong.getTokens()).toEqual([]);
    await saved(database);
    await expect(wrong.findTokenById("id-ann")).rejects.toMatchObject(storeError("ERR_KEY"));
    await expect(wrong.saveToken(wholeToken("bob"))).rejects.toMatchObject(storeError("ERR_KEY"));
    expect(database.records.size).toBe(2);
  });

  it("with other bytes are refused by the sealed records where the check values were deleted", async () => {
    const { database } = await saved();
    database.records.remove("");
    const wrong = database.store({ keys: [{ id: "2026-11", key: newKey("x").key }] });
    await expect(wrong.findTokenById("id-ann")).rejects.toMatchObject(storeError("ERR_KEY"));
    await expect(wrong.saveToken(wholeToken("bob"))).rejects.toMatchObject(storeError("ERR_KEY"));
    await database.store(encryption).saveToken(wholeToken("bob"));
    await expect(wrong.close()).resolves.toBe(undefined);
  });

  it("that are sealed with at the same time by several stores all get their check value", async () => {
    const database = new Database();
    const keys = ["a", "b", "c", "d"].map((id) => newKey(id));
    await Promise.all(keys.map((each) => database.store({ keys: [each] }).saveToken(wholeToken(each.id))));
    const checks = JSON.parse(database.stored("").metadata as string) as object;
    expect(Object.keys(checks).sort()).toEqual(["a", "b", "c", "d"]);
    expect(await database.store({ keys }).getTokens()).toHaveLength(4);
  });

  it("of a function that fails do not keep the store from opening, nor block records under known keys", async () => {
    const { database } = await saved();
    const fetch = vi.fn(async (): Promise<Buffer> => Promise.reject(new Error("no vault")));
    const store = database.store({ keys: [{ id: "new", key: fetch }, key] });
    expect((await store.findTokenById("id-ann"))?.accessToken).toBe("access-token-ann");
    await expect(store.saveToken({ id: "id-ann", accessToken: "x" })).rejects.toMatchObject(
      storeError("ERR_KEY", { retryable: true, uncertain: false }),
    );
    fetch.mockResolvedValue(newKey("new").key);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await store.saveToken({ id: "id-ann", accessToken: "x" });
    expect(database.stored("id-ann").accessToken).toMatch(/^tokenkeep1:new:/);
  });

  it("of a function that hangs end the call within its time limit, and nothing is sent", async () => {
    const database = new Database();
    const keys = [{ id: "new", key: () => new Promise<never>(() => {}) }];
    const store = database.store({ keys, keyTimeoutMs: 60_000 }, { timeoutMs: 300 });
    expect(await store.getTokens()).toEqual([]);
    await expect(store.saveToken(wholeToken("ann"))).rejects.toMatchObject(
      storeError("ERR_UNAVAILABLE", { uncertain: false }),
    );
    expect(database.writes).toBe(0);
  });

  it("of a function are compared with their check value too", async () => {
    const { database } = await saved();
    const store = database.store({ keys: [{ id: "2026-11", key: async () => newKey("x").key }] });
    await expect(store.getTokens()).rejects.toMatchObject(storeError("ERR_KEY"));
  });
});

describe("the record of the check values", () => {
  it("is not a token: it is in no list, page or count", async () => {
    const { database, store } = await saved();
    for (let i = 0; i < 600; i++) await store.saveToken({ id: `more-${i}`, accessToken: `token-${i}` });
    expect(database.records.size).toBe(602);
    const ids = new Set<string>();
    for (const each of [store, database.store(encryption)]) {
      for await (const { id } of each.tokens()) ids.add(id as string);
      expect(ids.size).toBe(601);
      expect((await each.getTokens()).length).toBe(601);
    }
    await expect(store.findTokenById("")).rejects.toMatchObject(storeError("ERR_INVALID_TOKEN"));
    expect(await store.findToken({ id: "" })).toBe(null);
    const plain = new Database();
    await plain.store().saveToken({ accessToken: "x" });
    expect(plain.records.size).toBe(1);
  });

  it("outlives deleteTokens, so that processes that run stay safe", async () => {
    const { database, store } = await saved();
    await database.store().deleteTokens();
    expect(database.records.size).toBe(1);
    expect(await store.getTokens()).toEqual([]);
    await store.saveToken(wholeToken("ann"));
    const wrong = database.store({ keys: [{ id: "2026-11", key: newKey("x").key }] });
    await expect(wrong.getTokens()).rejects.toMatchObject(storeError("ERR_KEY"));
  });

  it("that is damaged is ERR_CORRUPT", async () => {
    const { database } = await saved();
    database.tamper("", { metadata: "{" });
    await expect(database.store(encryption).getTokens()).rejects.toMatchObject(storeError("ERR_CORRUPT"));
  });
});
