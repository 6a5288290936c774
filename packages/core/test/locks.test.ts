import { describe, expect, it } from "vitest";
import { BaseTokenStore, type Leases, type MaybePromise } from "../src/for-backends.js";
import { FakeBackend } from "./fake-backend.js";

const never = new Promise<never>(() => {});

/** A lease per key. A test overrides the part that is to fail. */
class FakeLeases implements Leases {
  readonly held = new Map<string, { owner: string; fence: number }>();
  readonly asked: string[] = [];
  fence = 0;

  acquire(key: string, owner: string, _leaseMs?: number, _reserveMs?: number): MaybePromise<number | null> {
    this.asked.push("acquire");
    const lock = this.held.get(key);
    if (lock !== undefined) return lock.owner === owner ? lock.fence : null;
    this.held.set(key, { owner, fence: ++this.fence });
    return this.fence;
  }

  renew(key: string, owner: string, _leaseMs?: number): MaybePromise<boolean> {
    this.asked.push("renew");
    return this.held.get(key)?.owner === owner;
  }

  release(key: string, owner: string): MaybePromise<boolean> {
    this.asked.push("release");
    if (this.held.get(key)?.owner !== owner) return false;
    return this.held.delete(key);
  }
}

class LockingBackend extends FakeBackend {
  readonly leases: FakeLeases;
  constructor(leases: FakeLeases) {
    super();
    this.leases = leases;
  }
}

function storeOn(leases: FakeLeases, options: { leaseMs?: number; timeoutMs?: number } = {}): BaseTokenStore {
  return new BaseTokenStore(new LockingBackend(leases), options);
}

/** Resolves when the lease is lost. */
const lost = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

describe("withLock", () => {
  it("returns what the work returns, and frees the lock however it ends", async () => {
    const leases = new FakeLeases();
    const store = storeOn(leases);
    expect(await store.withLock("a", ({ key, fence }) => [key, fence])).toEqual(["a", 1]);
    const failure = new Error("the work's own");
    await expect(store.withLock("a", () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(
      store.withLock("a", () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(leases.held.size).toBe(0);
    expect(await store.withLock("a", ({ fence }) => fence)).toBe(4);
  });

  it("lets one caller of this process ask at a time, in order", async () => {
    const leases = new FakeLeases();
    const store = storeOn(leases);
    await store.getTokens(); // so that it is open for all of them
    const order: number[] = [];
    let running = 0;
    const work = (n: number) => async () => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      order.push(n);
      running--;
    };
    await Promise.all([1, 2, 3, 4, 5].map((n) => store.withLock("a", work(n))));
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(leases.asked).toEqual(Array(5).fill(["acquire", "release"]).flat());
  });

  it("does not show the key to the backend", async () => {
    class Looking extends FakeLeases {
      override acquire(key: string, owner: string): MaybePromise<number | null> {
        expect(key).toMatch(/^[\w-]{43}$/);
        expect(owner).toHaveLength(36);
        return super.acquire(key, owner);
      }
    }
    await storeOn(new Looking()).withLock("SECRET", () => {});
  });

  it("gives up in time, without leaving anything behind", async () => {
    const leases = new FakeLeases();
    const [store, other] = [storeOn(leases), storeOn(leases)];
    await store.withLock("a", async () => {
      for (const timeoutMs of [0, 20]) {
        await expect(other.withLock("a", () => {}, { timeoutMs })).rejects.toMatchObject({
          code: "ERR_LOCK_TIMEOUT",
          retryable: true,
        });
      }
    });
    expect(await other.withLock("a", () => "free", { timeoutMs: 0 })).toBe("free");
  });

  it("rejects with the signal's reason, also one that was aborted before", async () => {
    const leases = new FakeLeases();
    const [store, other] = [storeOn(leases), storeOn(leases)];
    const reason = new Error("no longer wanted");
    await store.withLock("a", async () => {
      const abort = new AbortController();
      const waiting = other.withLock("a", () => {}, { signal: abort.signal });
      abort.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await expect(store.withLock("a", () => {}, { signal: abort.signal })).rejects.toBe(reason);
    });
    await expect(store.withLock("b", () => {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(leases.held.size).toBe(0);
  });

  it("ends in time where the backend never answers, and gives back what may be granted later", async () => {
    let grant!: (fence: number) => void;
    let isReleased!: () => void;
    const released = new Promise<void>((resolve) => {
      isReleased = resolve;
    });
    class Slow extends FakeLeases {
      override acquire(): Promise<number> {
        return new Promise((resolve) => {
          grant = resolve;
        });
      }
      override release(): boolean {
        isReleased();
        return true;
      }
    }
    const store = storeOn(new Slow(), { timeoutMs: 30 });
    await expect(store.withLock("a", () => {}, { timeoutMs: 1000 })).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
    });
    grant(1);
    await released;
  });

  it("tells a driver's error as ERR_UNAVAILABLE", async () => {
    class Broken extends FakeLeases {
      override acquire(): never {
        throw new Error("gone");
      }
    }
    await expect(storeOn(new Broken()).withLock("a", () => {})).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      cause: { message: "gone" },
    });
  });
});

describe("a lease", () => {
  it("is renewed for as long as the work goes on, also after a renewal that failed", async () => {
    let renewals = 0;
    let enough!: () => void;
    const renewedOften = new Promise<void>((resolve) => {
      enough = resolve;
    });
    class Shaky extends FakeLeases {
      override renew(key: string, owner: string): MaybePromise<boolean> {
        renewals++;
        if (renewals === 2) throw new Error("once");
        if (renewals === 6) enough();
        return super.renew(key, owner);
      }
    }
    const store = storeOn(new Shaky(), { leaseMs: 300 });
    await store.withLock("a", async ({ signal }) => {
      await renewedOften;
      expect(signal.aborted).toBe(false);
    });
  });

  it("that another has is told to the work and to the caller", async () => {
    const leases = new FakeLeases();
    const store = storeOn(leases, { leaseMs: 30 });
    const holding = store.withLock("a", async ({ signal }) => {
      for (const key of leases.held.keys()) leases.held.set(key, { owner: "somebody else", fence: 99 });
      await lost(signal);
      expect(signal.reason).toMatchObject({ code: "ERR_LOCK_LOST" });
      return "ended well";
    });
    await expect(holding).rejects.toMatchObject({ code: "ERR_LOCK_LOST", retryable: false });
    expect([...leases.held.values()]).toEqual([{ owner: "somebody else", fence: 99 }]);
  });

  it("that can't be renewed in time is lost, though the backend says nothing", async () => {
    class Mute extends FakeLeases {
      override renew(): Promise<boolean> {
        return never;
      }
    }
    const holding = storeOn(new Mute(), { leaseMs: 30 }).withLock("a", ({ signal }) => lost(signal));
    await expect(holding).rejects.toMatchObject({ code: "ERR_LOCK_LOST" });
  });

  it("whose grant arrives after it has expired is asked for again, before the work begins", async () => {
    class Slow extends FakeLeases {
      override async acquire(key: string, owner: string): Promise<number | null> {
        const fence = await super.acquire(key, owner);
        if (fence !== 1) return fence;
        await new Promise((resolve) => setTimeout(resolve, 250));
        this.held.delete(key);
        return fence;
      }
    }
    const leases = new Slow();
    expect(await storeOn(leases, { leaseMs: 200 }).withLock("a", ({ fence }) => fence)).toBe(2);
    expect(leases.asked).toEqual(["acquire", "acquire", "release"]);
  });

  it("that is found lost only at the release is told, too", async () => {
    class Forgetful extends FakeLeases {
      override release(key: string, owner: string): boolean {
        super.release(key, owner);
        return false;
      }
    }
    await expect(storeOn(new Forgetful()).withLock("a", () => {})).rejects.toMatchObject({
      code: "ERR_LOCK_LOST",
    });
  });

  it("leaves the error of the work as it is, where both went wrong", async () => {
    class Forgetful extends FakeLeases {
      override release(): boolean {
        return false;
      }
    }
    const failure = new Error("the work's own");
    await expect(storeOn(new Forgetful()).withLock("a", () => Promise.reject(failure))).rejects.toBe(failure);
  });
});

describe("close()", () => {
  it("ends every wait for a lock", async () => {
    const leases = new FakeLeases();
    const [store, other] = [storeOn(leases), storeOn(leases)];
    await store.withLock("a", async () => {
      const waits = [other.withLock("a", () => {}), other.withLock("a", () => {})];
      await new Promise(setImmediate);
      const closing = other.close();
      for (const result of await Promise.allSettled(waits)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "ERR_STORE_CLOSED" } });
      }
      await closing;
    });
  });

  it("inside the work gives the lock up once the time limit is over", async () => {
    const leases = new FakeLeases();
    const store = storeOn(leases, { timeoutMs: 30 });
    await expect(store.withLock("a", () => store.close())).rejects.toMatchObject({ code: "ERR_LOCK_LOST" });
    expect(leases.held.size).toBe(0);
  });
});

it.each([
  ["", {}],
  [5, {}],
  ["\uD800", {}],
  ["a", { timeoutMs: -1 }],
  ["a", { timeoutMs: 2 ** 31 }],
  ["a", { timeoutMs: Number.NaN }],
  ["a", { signal: {} }],
  ["a", null],
])("refuses the key or the options %j, %j", async (key, options) => {
  const store = storeOn(new FakeLeases());
  const locking = store.withLock(key as string, () => {}, options as never);
  await expect(locking).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
});
