import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { BaseTokenStore, type Lookup, type RecordKeys, type TokenRecord } from "../src/for-backends.js";
import { TokenStoreError } from "../src/index.js";
import { FakeBackend } from "./fake-backend.js";

const never = new Promise<never>(() => {});
const token = { userSignature: { name: "ann" }, clientId: "app", refreshToken: "secret-refresh" };

describe("a backend that never answers", () => {
  class Hanging extends FakeBackend {
    override read(): Promise<TokenRecord[]> {
      return never;
    }
  }

  it("ends each call within its time limit, and lets the next queued save proceed", async () => {
    const store = new BaseTokenStore(new Hanging(), { timeoutMs: 50 });
    const unavailable = { name: "TokenStoreError", code: "ERR_UNAVAILABLE", retryable: true };
    await expect(store.findToken(token)).rejects.toMatchObject(unavailable);
    const saves = [store.saveToken(token), store.saveToken(token), store.saveToken(token)];
    for (const result of await Promise.allSettled(saves)) {
      expect(result).toMatchObject({ status: "rejected", reason: unavailable });
    }
  });

  it("works again once the backend answers", async () => {
    class Recovering extends FakeBackend {
      isUp = false;
      override read(lookups: readonly Lookup[]): TokenRecord[] | Promise<TokenRecord[]> {
        return this.isUp ? super.read(lookups) : never;
      }
    }
    const backend = new Recovering();
    const store = new BaseTokenStore(backend, { timeoutMs: 50 });
    await expect(store.saveToken(token)).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    backend.isUp = true;
    expect(await store.saveToken(token)).toMatchObject({ revision: 1 });
  });

  it("does not keep close() from ending", async () => {
    const store = new BaseTokenStore(new Hanging(), { timeoutMs: 50 });
    const find = store.findToken(token);
    const closing = store.close();
    await expect(find).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    await closing;
  });
});

describe("opening", () => {
  it("is attempted again after it failed, at once or later, or never ended", async () => {
    const answers: (() => void | Promise<void>)[] = [
      () => {
        throw new Error("at once");
      },
      () => Promise.reject(new Error("later")),
      () => never,
      () => {},
    ];
    class Flaky extends FakeBackend {
      override open(): void | Promise<void> {
        return answers.shift()?.();
      }
    }
    const store = new BaseTokenStore(new Flaky(), { timeoutMs: 50 });
    for (let i = 0; i < 3; i++) {
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    }
    expect(await store.getTokens()).toEqual([]);
  });

  it("happens once for callers that come at the same time", async () => {
    let opened = 0;
    class Counting extends FakeBackend {
      override async open(): Promise<void> {
        opened++;
      }
    }
    const store = new BaseTokenStore(new Counting());
    await Promise.all([store.getTokens(), store.findToken(token), store.saveToken(token)]);
    expect(opened).toBe(1);
  });
});

describe("closing", () => {
  it("closes the backend once, and only if it was used", async () => {
    const unused = new FakeBackend();
    await new BaseTokenStore(unused).close();
    expect(unused.closed).toBe(0);
    const backend = new FakeBackend();
    const store = new BaseTokenStore(backend);
    await store.getTokens();
    await Promise.all([store.close(), store.close()]);
    expect(backend.closed).toBe(1);
    await expect(store.getTokens()).rejects.toMatchObject({
      code: "ERR_STORE_CLOSED",
      retryable: false,
      message: expect.stringContaining("Make a new one"),
    });
  });
});

describe("a write of which only the reply was lost", () => {
  it("is recognised as our own, and counted once", async () => {
    class Lossy extends FakeBackend {
      // as a driver does that sends a command again: the second one meets what the first one did
      override insert(record: TokenRecord, keys: RecordKeys): boolean {
        super.insert(record, keys);
        return false;
      }
      override replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
        super.replace(record, keys, previous);
        return false;
      }
    }
    const backend = new Lossy();
    const store = new BaseTokenStore(backend);
    expect(await store.saveToken(token)).toMatchObject({ revision: 1 });
    expect(await store.saveToken(token)).toMatchObject({ revision: 2 });
    expect(backend.records).toHaveLength(1);
  });
});

describe("an error of the driver", () => {
  class Leaking extends FakeBackend {
    readonly secrets = ["connection-password"];
    override insert(record: TokenRecord): boolean {
      const error = new Error(`INSERT ${record.refreshToken} as root:connection-password`);
      throw Object.assign(error, { code: "ER_BAD", sql: `VALUES (${record.refreshToken})`, errno: 7 });
    }
  }

  it("becomes the cause, without the secrets of the call and of the connection", async () => {
    const store = new BaseTokenStore(new Leaking());
    const error = await store.saveToken(token).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "ERR_UNAVAILABLE",
      cause: { code: "ER_BAD", errno: 7 },
      uncertain: true,
    });
    const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
    expect(shown).not.toContain("secret-refresh");
    expect(shown).not.toContain("connection-password");
  });

  it("is what the backend translates it to", async () => {
    class Translating extends Leaking {
      toStoreError(): TokenStoreError {
        return new TokenStoreError("ERR_PERMISSION", "No right to write. Grant it.");
      }
    }
    await expect(new BaseTokenStore(new Translating()).saveToken(token)).rejects.toMatchObject({
      code: "ERR_PERMISSION",
      message: "No right to write. Grant it.",
      retryable: false,
    });
  });
});

it("declares no locks for a backend without leases", async () => {
  const store = new BaseTokenStore(new FakeBackend());
  expect(store.capabilities.locks).toBe(false);
  await expect(store.withLock("k", () => 1)).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
});

it("saves 50 callers of one process without a race for the record", async () => {
  let refused = 0;
  class Slow extends FakeBackend {
    override async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
      await new Promise(setImmediate);
      return super.read(lookups);
    }
    override async insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
      const done = await super.insert(record, keys);
      if (!done) refused++;
      return done;
    }
    override async replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
      const done = await super.replace(record, keys, previous);
      if (!done) refused++;
      return done;
    }
  }
  const store = new BaseTokenStore(new Slow());
  const saved = await Promise.all(Array.from({ length: 50 }, () => store.saveToken(token)));
  const revisions = saved.map(({ revision }) => revision ?? 0).sort((a, b) => a - b);
  expect(revisions).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(refused).toBe(0);
});

it("gives each save of a record a later time, whatever the clock says", async () => {
  const store = new BaseTokenStore(new FakeBackend());
  const future = Date.now() + 60_000; // saved by a host whose clock is ahead
  await store.importToken({ ...token, id: "ann", revision: 1, createdAt: future, savedAt: future });
  const times: (number | null | undefined)[] = [];
  for (const accessToken of ["a", "b", "c"]) {
    times.push((await store.saveToken({ id: "ann", accessToken })).savedAt);
  }
  expect(times).toEqual([future + 1, future + 2, future + 3]);
});
