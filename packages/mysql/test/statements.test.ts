import { keysOf, type TokenFields } from "@tokenkeep/core/backend";
import { createPool } from "mysql2";
import { createConnection } from "mysql2/promise";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, open, sql, until, urlWith, userWith } from "./support.js";

interface Sent {
  readonly sql: string;
  readonly values: (string | number | null)[];
}

await describeOnBoth(({ url, name }) => {
  const table = freshTable();
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));

  /** A store whose statements are recorded. */
  const recorded = () => {
    const pool = createPool({ uri: url, connectionLimit: 1 });
    const sent: Sent[] = [];
    pool.on("connection", (connection) => {
      const execute = connection.execute.bind(connection) as (...given: unknown[]) => unknown;
      Object.assign(connection, {
        execute: (statement: Sent, done: unknown) => {
          sent.push(statement);
          return execute(statement, done);
        },
      });
    });
    const store = open({ pool, table });
    return { sent, store, end: () => store.close().finally(() => pool.end(() => {})) };
  };

  describe("statements", () => {
    it("find by an index, in one round trip for all lookups", async () => {
      const { sent, store, end } = recorded();
      for (let i = 0; i < 50; i++) {
        await store.saveToken({
          id: `${i}`,
          userSignature: { name: `u${i}` },
          clientId: "c",
          grantToken: `g${i}`,
          refreshToken: `r${i}`,
          accessToken: `a${i}`,
        });
      }
      await sql(url, "ANALYZE TABLE ??", [table]);
      const user = { userSignature: { name: "u7" } };
      sent.length = 0;
      await store.findToken({
        ...user,
        clientId: "c",
        grantToken: "g7",
        refreshToken: "r7",
        accessToken: "a7",
      });
      await store.findToken(user);
      await store.findTokenById("7");
      expect(sent).toHaveLength(3);
      const connection = await createConnection(url);
      // MySQL draws a tree unless told otherwise, and MariaDB knows no other format.
      const explain = name === "mysql" ? "EXPLAIN FORMAT=TRADITIONAL" : "EXPLAIN";
      const keysUsed: string[][] = [];
      for (const statement of sent) {
        const [plan] = await connection.execute(`${explain} ${statement.sql}`, statement.values);
        const steps = (plan as Record<string, string>[]).filter((step) => step.table === table);
        for (const { type } of steps) expect(type).toMatch(/const|ref|range/);
        keysUsed.push(steps.map(({ key }) => key!).sort());
      }
      await connection.end();
      expect(keysUsed).toEqual([
        ["by_access_token", "by_grant_token", "by_refresh_token", "by_user_client"],
        ["by_user"],
        ["PRIMARY"],
      ]);
      await end();
    });

    it("page through the records by an index", async () => {
      const { sent, store, end } = recorded();
      await Promise.all(
        Array.from({ length: 300 }, (_, i) => store.saveToken({ id: `${i}`, refreshToken: `r${i}` })),
      );
      await sql(url, "ANALYZE TABLE ??", [table]);
      sent.length = 0;
      let count = 0;
      for await (const _ of store.tokens()) count++;
      expect(count).toBe(300);
      expect(sent).toHaveLength(2);
      const connection = await createConnection(url);
      const explain = name === "mysql" ? "EXPLAIN FORMAT=TRADITIONAL" : "EXPLAIN";
      const [plan] = await connection.execute(`${explain} ${sent[1]!.sql}`, sent[1]!.values);
      expect(plan).toMatchObject([{ key: "by_age" }]);
      await connection.end();
      await end();
    });

    it("save a changed copy in one round trip, and anything else in two", async () => {
      const { sent, store, end } = recorded();
      const user = { userSignature: { name: "u" }, clientId: "c" };
      const saved = await store.saveToken({ ...user, refreshToken: "r", accessToken: "a" });
      sent.length = 0;
      await store.saveToken(saved.with({ accessToken: "b" }));
      expect(sent).toHaveLength(1);
      await store.saveToken({ ...user, accessToken: "c" });
      expect(sent).toHaveLength(3);
      const [row] = await sql(url, "SELECT COUNT(*) AS n FROM ??", [table]);
      expect(row?.n).toBe(1);
      await end();
    });

    it("find what was saved last of many records of one user", async () => {
      await using store = open({ url, table });
      const user = { userSignature: { name: "u" } };
      for (let i = 0; i < 60; i++) {
        await store.saveToken({ ...user, id: `${i}`, clientId: `c${i}`, refreshToken: `r${i}` });
      }
      for (const id of ["17", "59", "0"]) {
        await sql(url, "UPDATE ?? SET saved_at = IF(id = ?, 2000, 1000 + MOD(CRC32(id), 999))", [table, id]);
        expect((await store.findToken(user))?.id).toBe(id);
      }
    });

    it("are repeated after a deadlock", async () => {
      await using store = open({ url, table });
      await store.saveToken({ id: "b", refreshToken: "b", accessToken: "old" });
      const fields = {
        userName: null,
        clientId: null,
        grantToken: null,
        refreshToken: null,
        accessToken: "new",
      };
      const { accessToken: key } = keysOf(fields as TokenFields);
      const other = await createConnection(url);
      await other.beginTransaction();
      // The server ends whoever has written less.
      for (let i = 0; i < 20; i++) {
        await other.query(
          "INSERT INTO ?? (namespace, id, etag, created_at, saved_at, record, access_token_key) VALUES ('', ?, 'e', 1, 1, '{}', ?)",
          [table, `other-${i}`, i === 0 ? key : null],
        );
      }
      // It has the record, and waits to learn whether its access token will be another's.
      const save = store.saveToken({ id: "b", accessToken: "new" });
      await until(async () => (await rowLockWaits()) === 1);
      // The other's wait for the record makes it a deadlock.
      await other.query("UPDATE ?? SET etag = etag WHERE namespace = '' AND id = 'b'", [table]);
      await other.rollback();
      await other.end();
      expect(await save).toMatchObject({ accessToken: "new", revision: 2 });
    });

    it("are repeated after a lock wait that took too long", async () => {
      const pool = createPool({ uri: url, connectionLimit: 1 });
      pool.on(
        "connection",
        (connection) => void connection.query("SET SESSION innodb_lock_wait_timeout = 1"),
      );
      await using store = open({ pool, table });
      await store.saveToken({ id: "b", refreshToken: "b" });
      const other = await createConnection(url);
      await other.beginTransaction();
      await other.query("UPDATE ?? SET etag = etag WHERE id = 'b'", [table]);
      const save = store.saveToken({ id: "b", accessToken: "new" });
      setTimeout(() => void other.rollback(), 1500);
      expect(await save).toMatchObject({ accessToken: "new", revision: 2 });
      await other.end();
      await store.close();
      pool.end(() => {});
    });

    it("don't wait for another user's save that holds its locks", async () => {
      await using store = open({ url, table, timeoutMs: 3000 });
      for (const user of ["a", "m", "z"]) {
        await store.saveToken({
          id: user,
          userSignature: { name: user },
          refreshToken: `r-${user}`,
          accessToken: user,
        });
      }
      const other = await createConnection(url);
      try {
        await other.beginTransaction();
        await other.query(
          "UPDATE ?? SET etag = 'x', access_token_key = 'y' WHERE namespace = '' AND id = 'm'",
          [table],
        );
        for (let i = 0; i < 20; i++) {
          await store.saveToken({
            userSignature: { name: `new-${i}` },
            refreshToken: `n-${i}`,
            accessToken: `n-${i}`,
          });
        }
        for (const user of ["a", "z"]) await store.saveToken({ id: user, accessToken: `${user}2` });
      } finally {
        other.destroy(); // which rolls back
      }
      expect(await store.getTokens()).toHaveLength(23);
    });

    it("that the server refuses are known not to have been applied", async () => {
      await using first = open({ url, table });
      await first.findTokenById("1");
      const user = await userWith(url, [
        `SELECT ON tokenkeep.${table}`,
        `SELECT ON tokenkeep.${table}_locks`,
      ]);
      await using store = open({ url: user, table });
      const error = await store.saveToken({ refreshToken: "hidden-value" }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", retryable: false, uncertain: false });
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause?.stack}`).not.toContain("hidden-value");
    });

    it("go to a writable server as soon as there is one", async () => {
      await using first = open({ url, table });
      await first.findTokenById("1");
      const user = await userWith(url, ["ALL ON tokenkeep.*"]);
      await using store = open({ url: urlWith(user, {}), table });
      expect(await store.findTokenById("1")).toBeNull();
      await sql(url, "SET GLOBAL read_only = ON");
      const save = store.saveToken({ id: "failover", refreshToken: "failover" });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await sql(url, "SET GLOBAL read_only = OFF");
      expect((await save).revision).toBe(1);
    });
  });

  async function rowLockWaits(): Promise<number> {
    const [row] = await sql(url, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'");
    return Number(row?.Value);
  }
});
