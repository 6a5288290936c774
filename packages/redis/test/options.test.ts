import { inspect } from "node:util";
import { Cluster, Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { RedisTokenStore, type RedisTokenStoreOptions } from "../src/index.js";

describe("options", () => {
  it.each([
    [{ url: "http://example.com" }, "redis://"],
    [{ url: "localhost:6379" }, "redis://"],
    [{ urll: "redis://localhost" }, "urll"],
    [{ ttlMs: 0 }, "ttlMs"],
    [{ ttlMs: 1.5 }, "ttlMs"],
    [{ waitReplicas: -1 }, "waitReplicas"],
    [{ client: {} }, "client"],
    [{ url: "redis://localhost/tokens" }, "database"],
    [{ url: "redis://localhost/1.5" }, "database"],
    [{ url: "redis://localhost/0?db=2" }, "options"],
    [{ db: 1.5 }, "db"],
    [{ db: -1 }, "db"],
    [{ db: "tokens" }, "db"],
    [{ timeoutMs: 0 }, "timeoutMs"],
    [{ namespace: "\ud800" }, "namespace"],
  ])("%j is refused by name", (options, word) => {
    const make = () => new RedisTokenStore(options as RedisTokenStoreOptions);
    expect(make).toThrowError(expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }));
    expect(make).toThrowError(word);
  });

  it("a client comes with its own options", () => {
    const client = new Redis({ lazyConnect: true });
    expect(() => new RedisTokenStore({ client, host: "elsewhere" })).toThrowError("host");
  });

  it("a Cluster whose prefix would spread a namespace over slots is refused", () => {
    const client = new Cluster([{ port: 1 }], { lazyConnect: true, keyPrefix: "app{}:" });
    expect(() => new RedisTokenStore({ client })).toThrowError("keyPrefix");
    const inner = new Cluster([{ port: 1 }], { lazyConnect: true, redisOptions: { keyPrefix: "app{}:" } });
    expect(() => new RedisTokenStore({ client: inner })).toThrowError("keyPrefix");
  });

  it("no option is shown", () => {
    const store = new RedisTokenStore("redis://ann:pass-word@localhost:6379");
    expect(
      `${inspect(store, { depth: 9, showHidden: true })} ${String(store)} ${JSON.stringify(store)}`,
    ).not.toContain("pass-word");
  });
});
