import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describeOn, describeOnServer, startServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { fill } from "./support/backends.js";
import { doctor, fiveMinutesAhead } from "./support/doctor.js";

for (const server of ["redis", "valkey"] as const) {
  await describeOnServer(server, ({ url, container }) => {
    // A server that the environment names may have other users, and settings that are not ours to change.
    const isOurs = container !== undefined;
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());
    const at = (part: string) => `{tokenkeep:}:${part}`;
    let ann: string;

    beforeEach(async () => {
      await admin.flushdb();
      [ann] = (await fill(url, ["ann", "bob"])) as [string];
      if (isOurs) await configure("appendonly", "yes");
    });

    async function configure(name: string, value: string): Promise<void> {
      const [, before] = (await admin.config("GET", name)) as string[];
      await admin.config("SET", name, value);
      onTestFinished(async () => void (await admin.config("SET", name, before!)));
    }

    const asUser = async (...rights: string[]) => {
      await admin.call("ACL", "SETUSER", "app", "reset", "on", ">pass-word", ...rights);
      return `redis://app:pass-word@${new URL(url).host}`;
    };

    it.runIf(isOurs)("finds nothing in a healthy store", async () => {
      expect(await doctor(url)).toEqual({ status: 0, names: [] });
    });

    it.runIf(isOurs).each([
      ["redis-not-durable", "appendonly", "no"],
      ["redis-fsync-off", "appendfsync", "no"],
      ["redis-evicts", "maxmemory-policy", "allkeys-lru"],
      ["redis-nearly-full", "maxmemory", "used"],
    ])("finds %s", async (name, setting, value) => {
      const [, used] = /used_memory:(\d+)/.exec(await admin.info("memory"))!;
      await configure(setting, value === "used" ? String(Math.round(Number(used) * 1.05)) : value);
      expect(await doctor(url)).toEqual({ status: 1, names: [name] });
    });

    it.each([
      ["an index entry", "index-missing", () => admin.hdel(at("index"), ...indexOf(ann))],
      ["an entry in the list of all records", "index-missing", () => removeMember("order")],
    ])("finds a record without %s", async (_what, name, plant) => {
      await plant();
      expect((await doctor(url)).names).toContain(name);
    });

    const removeMember = async (list: string) => {
      const members = await admin.zrangebylex(at(list), "-", "+");
      await admin.zrem(at(list), ...members.filter((member) => member.endsWith(ann)));
    };
    let fields: Record<string, string>;
    beforeEach(async () => {
      fields = await admin.hgetall(at("index"));
    });
    const indexOf = (id: string) => Object.keys(fields).filter((field) => fields[field] === id);

    it("finds entries without a record", async () => {
      await admin.hdel(at("records"), ann);
      const { names, status } = await doctor(url);
      expect([status, names.includes("index-orphan")]).toEqual([1, true]);
    });

    it("finds keys that expire", async () => {
      await admin.expire(at("records"), 100_000);
      expect((await doctor(url)).names).toContain("redis-expires");
    });

    it("finds an older layout, and a namespace that is not there", async () => {
      await admin.hset(at("meta"), "layout", "0");
      expect((await doctor(url)).names).toContain("schema");
      await admin.flushdb();
      expect((await doctor(url)).names).toContain("schema");
    });

    it("finds a clock that is five minutes off", async () => {
      expect((await fiveMinutesAhead(() => doctor(url))).names).toContain("clock-differs");
    });

    it.runIf(isOurs)("finds a wrong password, and missing rights", async () => {
      const app = await asUser("~*", "+@all", "-unlink", "-hset");
      expect(await doctor(app, {}, url)).toEqual({ status: 1, names: ["missing-privileges"] });
      const wrong = app.replace("pass-word", "not-the-word");
      expect(await doctor(wrong, {}, url)).toEqual({ status: 1, names: ["refused"] });
    });

    it.runIf(isOurs)("needs no more rights than a program to find most of it", async () => {
      const rights =
        "+evalsha +eval +hget +hmget +hset +hdel +hexists +hincrby +zadd +zrem +zrangebylex +zrevrangebylex";
      const more = "+get +set +del +pexpire +time +wait +info +hello +select +client|setinfo";
      const app = await asUser("~{tokenkeep:*", ...`${rights} ${more}`.split(" "));
      const names = ["missing-privileges", "settings-unknown"];
      expect(await doctor(app, {}, url)).toEqual({ status: 1, names }); // unlink is left out
    });

    it.runIf(isOurs)("finds a failed snapshot", async () => {
      const [, folder] = (await admin.config("GET", "dir")) as [string, string];
      // A snapshot is refused while the log is rewritten, as it is when it has just been switched on.
      const untilIdle = async () => {
        const busy = /(bgsave|rewrite)_(in_progress|scheduled):1/;
        while (busy.test(await admin.info("persistence"))) await sleep(20);
      };
      const save = async () => {
        await untilIdle();
        await admin.bgsave();
        await untilIdle();
      };
      // A directory has the name of the snapshot.
      await container!.exec(["sh", "-c", `rm -f ${folder}/dump.rdb && mkdir ${folder}/dump.rdb`]);
      onTestFinished(async () => {
        await container!.exec(["rmdir", `${folder}/dump.rdb`]);
        await save();
      });
      await save();
      expect((await doctor(url)).names).toContain("redis-snapshot-fails");
    });

    it.runIf(isOurs)("finds a replica", async () => {
      await admin.call("REPLICAOF", "127.0.0.1", "1");
      onTestFinished(async () => void (await admin.call("REPLICAOF", "NO", "ONE")));
      expect((await doctor(url)).names).toContain("not-primary");
    });
  });
}

const SMALL_DISK = {
  command: ["redis-server", "--appendonly", "yes", "--save", ""],
  tmpFs: { "/data": "rw,size=4m" },
};
await describeOn(
  "redis on a full disk",
  () => startServer("redis", SMALL_DISK),
  ({ url }) => {
    it("finds redis-log-fails", async () => {
      const client = new Redis(url);
      await fill(url, ["ann"]);
      // Once a write to the log has failed, the server refuses any other.
      const isRefused = async () => {
        try {
          await client.set("filler", randomBytes(500_000));
          return false;
        } catch (error) {
          expect(String(error)).toContain("MISCONF");
          return true;
        }
      };
      await vi.waitUntil(isRefused, { timeout: 60_000, interval: 10 });
      const { status, names } = await doctor(url);
      expect([status, names]).toEqual([1, expect.arrayContaining(["redis-log-fails"])]);
      client.disconnect();
    });
  },
);
