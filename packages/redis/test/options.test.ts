import { inspect } from "node:util";
import { Cluster, Redis } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { describe, expect, it } from "vitest";
import { RedisTokenStore, type RedisTokenStoreOptions, redisKeys } from "../src/index.js";

describe("options", () => {
  it.each([
    [{}, "url"],
    [{ url: undefined }, "environment variable"],
    [{ url: undefined, clientOptions: { db: 1 } }, "environment variable"],
    [undefined, "environment variable"],
    [{ url: "http://example.com" }, "redis://"],
    [{ url: "localhost:6379" }, "redis://"],
    [{ url: "redis://ann:pa/ss@localhost" }, "Percent-encode"],
    [{ urll: "redis://localhost" }, "urll"],
    [{ host: "localhost" }, "host"],
    [{ url: "redis://localhost", waitReplicas: -1 }, "waitReplicas"],
    [{ client: undefined }, "client"],
    [{ client: {} }, "client"],
    [{ url: "redis://localhost/tokens" }, "number of a database"],
    [{ url: "redis://localhost/1.5" }, "number of a database"],
    [{ url: "redis://localhost/0?db=2" }, "clientOptions"],
    [{ clientOptions: { db: 1.5 } }, "db"],
    [{ clientOptions: { db: -1 } }, "db"],
    [{ clientOptions: { db: "tokens" } }, "db"],
    [{ clientOptions: "redis://localhost" }, "clientOptions"],
    [{ url: "redis://localhost", timeoutMs: 0 }, "timeoutMs"],
    [{ url: "redis://localhost", namespace: "\ud800" }, "namespace"],
    [{ url: "redis://localhost", open: "maybe" }, "existing"],
  ])("%j is refused, and the message says what to do", (options, word) => {
    const make = () => new RedisTokenStore(options as RedisTokenStoreOptions);
    expect(make).toThrowError(expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }));
    expect(make).toThrowError(word);
  });

  it("redisKeys names the keys of a namespace, and refuses what is none", () => {
    expect(redisKeys()).toMatchObject({ records: "{tokenkeep:}:records", fence: "{tokenkeep:}:fence" });
    expect(redisKeys("a b").order).toBe("{tokenkeep:a%20b}:order");
    expect(redisKeys("é".repeat(200)).meta).toMatch(/^\{tokenkeep:sha256:[\w-]{43}\}:meta$/);
    for (const none of [7, null, "\ud800"])
      expect(() => redisKeys(none as string)).toThrowError(
        expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
      );
  });

  it("a client comes with its own options", () => {
    const client = new Redis({ lazyConnect: true });
    expect(() => new RedisTokenStore({ client, clientOptions: { db: 1 } })).toThrowError("not both");
    expect(() => new RedisTokenStore({ client, url: "redis://localhost" })).toThrowError("not both");
  });

  it("a client of node-redis is refused with advice", () => {
    const client = { isOpen: true, isReady: true, sendCommand() {}, duplicate() {}, options: {} };
    expect(() => new RedisTokenStore({ client: client as never })).toThrowError("node-redis");
  });

  it("clients of ioredis 5 and 6 compile, side by side", () => {
    const clients = [
      new Redis({ lazyConnect: true }),
      new Redis5({ lazyConnect: true }),
      new Cluster([{ port: 1 }], { lazyConnect: true }),
      new Cluster5([{ port: 1 }], { lazyConnect: true }),
    ];
    for (const client of clients) expect(new RedisTokenStore({ client }).capabilities.durable).toBe(true);
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
