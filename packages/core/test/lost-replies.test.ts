import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { BaseTokenStore, type RecordKeys, type TokenRecord } from "../src/for-backends.js";
import { FakeBackend } from "./fake-backend.js";

const token = { userSignature: { name: "ann" }, clientId: "app", refreshToken: "r1" };

/** Loses the replies to its next writes: `applied` ones are done, others never arrive. */
class Lossy extends FakeBackend {
  readonly losses: ("applied" | "lost")[] = [];
  sent = 0;
  /** What another process does before our store gets to know of the loss. */
  meanwhile: () => void = () => {};

  #lose(write: () => unknown): never {
    if (this.losses.shift() === "applied") write();
    this.meanwhile();
    throw new Error("socket hang up");
  }
  override insert(record: TokenRecord, keys: RecordKeys): boolean {
    this.sent++;
    const write = () => super.insert(record, keys) as boolean;
    return this.losses.length > 0 ? this.#lose(write) : write();
  }
  override replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    this.sent++;
    const write = () => super.replace(record, keys, previous) as boolean;
    return this.losses.length > 0 ? this.#lose(write) : write();
  }
  override remove(previous: TokenRecord): boolean {
    this.sent++;
    const write = () => super.remove(previous) as boolean;
    return this.losses.length > 0 ? this.#lose(write) : write();
  }
  /** Another process's save. */
  overwrite(refreshToken: string): void {
    this.records = this.records.map((record) => ({
      ...record,
      refreshToken,
      etag: randomUUID(),
      revision: 9,
    }));
  }
}

const uncertain = {
  code: "ERR_UNAVAILABLE",
  uncertain: true,
  retryable: true,
  message: expect.stringContaining("may still have been applied"),
};

describe("a write whose reply was lost", () => {
  it("is not sent again if it was applied", async () => {
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    backend.losses.push("applied");
    const first = await store.saveToken(token);
    backend.losses.push("applied");
    expect(await store.saveToken({ ...token, accessToken: "a" })).toMatchObject({ revision: 2 });
    backend.losses.push("applied");
    await store.deleteToken(first.id!);
    expect(backend).toMatchObject({ sent: 3, records: [] });
  });

  it("is sent again if the record is untouched", async () => {
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    const { id } = await store.saveToken(token);
    backend.losses.push("lost", "lost");
    expect(await store.saveToken({ ...token, refreshToken: "r2" })).toMatchObject({ revision: 2 });
    backend.losses.push("lost");
    await store.deleteToken(id!);
    expect(backend).toMatchObject({ sent: 6, records: [] });
  });

  it("does not overwrite what another process saved since, and is no conflict", async () => {
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    await store.saveToken(token);
    for (const loss of ["applied", "lost"] as const) {
      backend.losses.push(loss);
      backend.meanwhile = () => backend.overwrite("of another process");
      const revision = backend.records[0]!.revision;
      const save = store.saveToken({ ...token, refreshToken: "r2" }, { ifRevision: revision });
      await expect(save).rejects.toMatchObject(uncertain);
      expect(backend.records).toMatchObject([{ refreshToken: "of another process" }]);
    }
  });

  it("does not insert again what may have been deleted since", async () => {
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    backend.losses.push("applied");
    backend.meanwhile = () => void backend.clear();
    await expect(store.saveToken(token)).rejects.toMatchObject(uncertain);
    expect(backend).toMatchObject({ sent: 1, records: [] });
  });

  it("does not delete what another process saved since", async () => {
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    const { id } = await store.saveToken(token);
    backend.losses.push("lost");
    backend.meanwhile = () => backend.overwrite("of another process");
    await expect(store.deleteToken(id!)).rejects.toMatchObject(uncertain);
    expect(backend.records).toHaveLength(1);
  });
});

describe("a changed copy", () => {
  class Counting extends FakeBackend {
    reads = 0;
    override read(...args: Parameters<FakeBackend["read"]>) {
      this.reads++;
      return super.read(...args);
    }
  }

  it("that is current is saved without a read, and a stale one merges", async () => {
    const backend = new Counting();
    const store = new BaseTokenStore(backend);
    let current = await store.saveToken(token);
    const stale = current;
    backend.reads = 0;
    current = await store.saveToken(current.with({ accessToken: "a1" }));
    current = await store.saveToken({ ...current, refreshToken: "r2" });
    expect(backend.reads).toBe(0);
    expect(current).toMatchObject({ revision: 3, refreshToken: "r2", accessToken: "a1" });
    const merged = await store.saveToken(stale.with({ scope: "read" }));
    expect(merged).toMatchObject({ revision: 4, refreshToken: "r2", accessToken: "a1", scope: "read" });
    expect(backend.reads).toBe(1);
  });

  it("of another store gives everything", async () => {
    const backend = new FakeBackend();
    const [store, other] = [new BaseTokenStore(backend), new BaseTokenStore(backend)];
    const stale = await store.saveToken(token);
    await store.saveToken({ ...token, refreshToken: "r2" });
    expect(await other.saveToken(stale.with({ scope: "read" }))).toMatchObject({ refreshToken: "r1" });
  });

  it("removes what is set to null, but never the last token", async () => {
    const store = new BaseTokenStore(new FakeBackend());
    const saved = await store.saveToken({ ...token, accessToken: "a" });
    const without = await store.saveToken(saved.with({ refreshToken: null }));
    expect(without).toMatchObject({ refreshToken: null, accessToken: "a" });
    const nothing = store.saveToken(without.with({ accessToken: null }));
    await expect(nothing).rejects.toMatchObject({ code: "ERR_INVALID_TOKEN" });
  });
});
