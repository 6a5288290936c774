import { describe, expect, it } from "vitest";
import { BaseTokenStore, Deadline, type Lookup, type TokenRecord } from "../src/for-backends.js";
import { FakeBackend } from "./fake-backend.js";

const never = new Promise<never>(() => {});

describe("a deadline", () => {
  it("ends what takes longer, aborts its signal, and says what is known", async () => {
    const deadline = new Deadline("test", 30);
    const { signal } = deadline;
    await expect(deadline.run(never)).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      retryable: true,
      uncertain: false,
      message: expect.stringMatching(/^test: no answer within 30 ms\. Check/),
    });
    expect(signal.aborted).toBe(true);
    expect(deadline.remainingMs).toBe(0);
    expect(() => deadline.check()).toThrow("no answer within 30 ms");
  });

  it("passes on what came in time, value or error", async () => {
    expect(await new Deadline("test", 1000).run(Promise.resolve(1))).toBe(1);
    await expect(new Deadline("test", 1000).run(Promise.reject(new Error("its own")))).rejects.toThrow(
      "its own",
    );
  });

  it("says that nothing was sent, and why", async () => {
    const deadline = new Deadline("test", 20);
    deadline.isWriting = true;
    deadline.blockedBy(
      Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }),
    );
    await expect(deadline.run(never)).rejects.toMatchObject({
      uncertain: false,
      message: expect.stringContaining("connect ECONNREFUSED 127.0.0.1:1. Nothing was sent."),
      cause: { code: "ECONNREFUSED" },
    });
  });

  it("says that a write may still have been applied, also while it waits for a connection to find out", async () => {
    const deadline = new Deadline("test", 20);
    deadline.isWriting = true;
    deadline.doubt();
    deadline.blockedBy("connecting");
    await expect(deadline.run(never)).rejects.toMatchObject({
      uncertain: true,
      message: expect.stringContaining("may still have been applied"),
    });
  });
});

describe("a backend that is unreachable for longer than the time limit", () => {
  class Down extends FakeBackend {
    isUp = false;
    override read(lookups: readonly Lookup[]): TokenRecord[] | Promise<TokenRecord[]> {
      return this.isUp ? super.read(lookups) : never;
    }
  }
  const failureOf = async (store: BaseTokenStore) => {
    const error: unknown = await store.findToken({ refreshToken: "r" }).catch((reason: unknown) => reason);
    return (error as Error).message;
  };

  it("fails later calls within a second, and is used again as soon as it answers", async () => {
    const backend = new Down();
    const store = new BaseTokenStore(backend, { timeoutMs: 1500 });
    expect(await failureOf(store)).toContain("within 1500 ms");
    expect(await failureOf(store)).toContain("within 900 ms");
    backend.isUp = true;
    expect(await store.findToken({ refreshToken: "r" })).toBeNull();
    backend.isUp = false;
    expect(await failureOf(store)).toContain("within 1500 ms");
  });
});
