import { spawn } from "node:child_process";
import { once } from "node:events";
import { keysOf, type TokenRecord } from "@tokenkeep/core";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createPool as createCallbackPool } from "mysql2";
import { createConnection, createPool, type Pool } from "mysql2/promise";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Connections } from "../src/connections.js";
import { MysqlBackend } from "../src/mysql-backend.js";
import { callbackPool } from "../src/pool.js";
import { describeOnBoth, freshTable, sql } from "./support.js";

await describeOnBoth(({ url, name, container }) => {
  const table = freshTable();
  const open = (options = {}) => new MysqlTokenStore({ url, table, ...options });
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));

  describe("statements", () => {
    it("goes by an index for every lookup, in one statement", async () => {
      await using store = open();
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
      const pool = createCallbackPool(url);
      const statements: { sql: string; values: (string | number | null)[] }[] = [];
      pool.on("connection", (connection) => {
        const execute = connection.execute.bind(connection) as (...given: unknown[]) => unknown;
        Object.assign(connection, {
          execute: (text: string, values: (string | number | null)[], done: unknown) => {
            statements.push({ sql: text, values });
            return execute(text, values, done);
          },
        });
      });
      const connections = new Connections(callbackPool(pool)!, 5000);
      const backend = new MysqlBackend(connections, {
        table,
        namespace: "",
        createTable: false,
        timeoutMs: 5000,
        secrets: [],
        adoption: undefined,
        end: undefined,
      });
      const keysOfUser = (i: number) =>
        keysOf({
          userName: `u${i}`,
          clientId: "c",
          grantToken: `g${i}`,
          refreshToken: `r${i}`,
          accessToken: `a${i}`,
        } as TokenRecord);
      const keys = keysOfUser(7);
      const kinds = ["userClient", "grantToken", "refreshToken", "accessToken", "user"] as const;
      const lookups = [
        { kind: "id" as const, key: "7" },
        ...kinds.map((kind) => ({ kind, key: keys[kind]! })),
      ];
      await backend.open();
      statements.length = 0;
      expect((await backend.read(lookups, () => true)).map(({ id }) => id)).toEqual(["7"]);
      // the first record that is found does not settle it
      const records = await backend.read(lookups, () => false);
      expect(records.map(({ id }) => id)).toEqual(["7", "7", "7", "7", "7", "7"]);
      // a user with a client or else with none, and with a client that is known to have led to it
      await backend.read([lookups[1]!, lookups[1]!], () => true);
      await backend.read([lookups[1]!], () => true);
      await backend.scan({ createdAt: records[0]!.createdAt, id: "7" }, 10);
      // two at once, in one statement
      const either = [8, 9].map((i) => ({ kind: "userClient" as const, key: keysOfUser(i).userClient! }));
      await Promise.all([backend.read(either, () => true), backend.read(either, () => true)]);
      expect(statements).toHaveLength(7);
      pool.end();
      const connection = await createConnection(url);
      // MySQL draws a tree unless told otherwise, and MariaDB knows no other format
      const explanation = name === "mysql" ? "EXPLAIN FORMAT=TRADITIONAL" : "EXPLAIN";
      const keysUsed: (string | null)[][] = [];
      for (const { sql: text, values } of statements) {
        const plan = (await connection.execute(`${explanation} ${text}`, values))[0] as Plan[];
        const steps = plan.filter((step) => step.table === table);
        for (const { type } of steps) expect(type).toMatch(/const|ref|range/);
        keysUsed.push(steps.map(({ key }) => key).sort());
      }
      await connection.end();
      const each = [
        "PRIMARY",
        "by_access_token",
        "by_grant_token",
        "by_refresh_token",
        "by_user",
        "by_user_client",
      ];
      expect(keysUsed).toEqual([
        ["PRIMARY", ...each],
        ["PRIMARY", ...each],
        each,
        ["by_user_client", "by_user_client"],
        ["by_user_client"],
        ["by_age"],
        ["by_user_client", "by_user_client", "by_user_client", "by_user_client"],
      ]);
    });

    it("finds what was saved last of many records of one user", async () => {
      await using store = open();
      const user = { userSignature: { name: "u" } };
      for (let i = 0; i < 60; i++) {
        await store.saveToken({ ...user, id: `${i}`, clientId: `c${i}`, refreshToken: `r${i}` });
      }
      for (const id of ["17", "59", "0"]) {
        await sql(url, "UPDATE ?? SET saved_at = IF(id = ?, 2000, 1000 + MOD(CRC32(id), 999))", [table, id]);
        expect((await store.findToken(user))?.id).toBe(id);
        const at = await Promise.all([store.findToken(user), store.findToken(user), store.findToken(user)]);
        expect(at.map((token) => token?.id)).toEqual([id, id, id]);
        expect((await store.findToken({ ...user, refreshToken: "r30" }))?.id).toBe(id);
      }
    });

    it("makes one round trip of a find, and one or two of a save where nobody contends", async () => {
      const pool = createPool({ uri: url, connectionLimit: 1 });
      await using store = new MysqlTokenStore({ pool, table });
      await using other = new MysqlTokenStore({ pool, table });
      const token = (i: number, accessToken = `a${i}`) => ({
        userSignature: { name: `u${i}` },
        clientId: "c",
        refreshToken: `r${i}`,
        accessToken,
        expiresAt: Date.now() + i,
      });
      let serial = 0;
      const calls: Record<string, [call: () => Promise<unknown>, trips: number]> = {
        "a find by user and client": [
          () => store.findToken({ userSignature: { name: "u1" }, clientId: "c" }),
          1,
        ],
        "a find of a user who has no client": [
          () => store.findToken({ userSignature: { name: "u0" }, clientId: "c" }),
          1,
        ],
        "a find of nobody": [() => store.findToken({ userSignature: { name: "x" }, clientId: "c" }), 1],
        "a find by user": [() => store.findToken({ userSignature: { name: "u1" } }), 1],
        "a find by token": [() => store.findToken({ refreshToken: "r1" }), 1],
        "a find by all of it": [() => store.findToken(token(1, "another")), 1],
        "a find by id": [() => store.findTokenById("1"), 1],
        "a save of what was saved a moment ago": [() => store.saveToken(token(1, `new-${++serial}`)), 1],
        "a save of what was found a moment ago, by another store": [
          async () => {
            await other.findToken({ userSignature: { name: "u1" }, clientId: "c" });
            await other.saveToken(token(1, `other-${++serial}`));
          },
          2,
        ],
        "a save by a token alone": [
          () => store.saveToken({ refreshToken: "r1", accessToken: `new-${++serial}` }),
          2,
        ],
        "a save of somebody new": [() => store.saveToken(token(100 + ++serial)), 2],
        "a save by id": [() => store.saveToken({ id: "1", accessToken: `by-id-${++serial}` }), 1],
      };
      await store.saveToken({ ...token(1), id: "1" });
      await store.saveToken({ userSignature: { name: "u0" }, refreshToken: "r0" });
      for (const [name, [call, trips]] of Object.entries(calls)) {
        // the first time on a connection each statement is prepared, which is a round trip of its own
        for (let i = 0; i < 3; i++) await call();
        const before = await executions(pool);
        await call();
        const after = await executions(pool);
        expect(after.Com_stmt_execute! - before.Com_stmt_execute!, name).toBe(trips);
        expect(after.Com_stmt_prepare, name).toBe(before.Com_stmt_prepare);
      }
      await store.close();
      await other.close();
      await pool.end();
    });

    it("prepares the statement of a refresh once, whether or not its times differ from those before", async () => {
      const pool = createPool({ uri: url, connectionLimit: 1 });
      await using store = new MysqlTokenStore({ pool, table });
      const expiresAt = Date.now() + 3_600_000;
      await store.saveToken({ id: "1", refreshToken: "r", accessToken: "0", expiresAt });
      await store.saveToken({ id: "1", accessToken: "1", expiresAt: expiresAt + 1 });
      const { Com_stmt_prepare } = await executions(pool);
      vi.useFakeTimers({ toFake: ["Date"] });
      try {
        for (let i = 2; i < 6; i++) await store.saveToken({ id: "1", accessToken: `${i}`, expiresAt });
      } finally {
        vi.useRealTimers();
      }
      expect((await executions(pool)).Com_stmt_prepare).toBe(Com_stmt_prepare);
      expect((await store.findTokenById("1"))?.accessToken).toBe("5");
      await store.close();
      await pool.end();
    });

    it("asks once more where what it found before is gone", async () => {
      const pool = createPool({ uri: url, connectionLimit: 1 });
      await using store = new MysqlTokenStore({ pool, table });
      await using other = open();
      const userSignature = { name: "u" };
      await store.findTokenById("none"); // opens it
      const find = async () => {
        const before = await executions(pool);
        const found = await store.findToken({ userSignature, clientId: "c" });
        const after = await executions(pool);
        return [found?.id, found?.clientId, after.Com_stmt_execute! - before.Com_stmt_execute!];
      };
      await other.saveToken({ id: "1", userSignature, clientId: "c", refreshToken: "r" });
      for (let i = 0; i < 3; i++) expect(await find()).toEqual(["1", "c", 1]);
      await other.deleteToken("1");
      expect(await find()).toEqual([undefined, undefined, 2]);
      expect(await find()).toEqual([undefined, undefined, 1]);
      await other.saveToken({ id: "2", userSignature, refreshToken: "r" });
      expect(await find()).toEqual(["2", null, 1]);
      await other.saveToken({ id: "2", clientId: "c", refreshToken: "r" });
      for (let i = 0; i < 2; i++) expect(await find()).toEqual(["2", "c", 1]);
      await other.deleteTokens();
      await other.saveToken({ id: "3", userSignature, refreshToken: "r" });
      expect(await find()).toEqual(["3", null, 2]);
      await store.close();
      await pool.end();
    });

    it("tries a save again that the server gave up for a deadlock", async () => {
      await using store = open();
      await store.saveToken({ id: "b", refreshToken: "b", accessToken: "old" });
      const deadlocks = async () => {
        const query =
          "SELECT `count` AS n FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'";
        return Number((await sql(url, query))[0]?.n);
      };
      const before = await deadlocks();
      const none = { userName: null, clientId: null, grantToken: null, refreshToken: null };
      const { accessToken: key } = keysOf({ ...none, accessToken: "new" } as TokenRecord);
      const other = await createConnection(url);
      await other.beginTransaction();
      // the server gives up who has written less
      for (let i = 0; i < 20; i++) {
        await other.query(
          "INSERT INTO ?? (namespace, id, revision, etag, created_at, saved_at, access_token_key) VALUES ('', ?, 1, 'e', 1, 1, ?)",
          [table, `other-${i}`, i === 0 ? key : null],
        );
      }
      // has the record, and waits to see whether its access token will be another's
      const save = store.saveToken({ id: "b", accessToken: "new" });
      await vi.waitFor(async () => expect(await counter(url, "Innodb_row_lock_current_waits")).toBe(1));
      // which that other one's wait for the record makes a deadlock
      await other.query("UPDATE ?? SET etag = etag WHERE namespace = '' AND id = 'b'", [table]);
      await other.rollback();
      await other.end();
      expect((await save).accessToken).toBe("new");
      expect(await deadlocks()).toBeGreaterThan(before);
    });

    it("saves one user while another's save holds its locks", async () => {
      await using store = open({ timeoutMs: 3000 });
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

    it("lets 4 processes save different users without waiting for a row lock", async () => {
      await using store = open();
      await store.saveToken({ refreshToken: "warm" });
      const waits = await counter(url, "Innodb_row_lock_waits");
      const code = `
        import { MysqlTokenStore } from "@tokenkeep/mysql";
        const [url, table, me] = process.argv.slice(1);
        const store = new MysqlTokenStore({ url, table });
        await Promise.all(Array.from({ length: 50 }, (_, i) =>
          store.saveToken({ userSignature: { name: me + "-" + i % 25 }, refreshToken: me + "-r-" + i % 25, accessToken: me + "-a-" + i })));
        await store.close();`;
      await Promise.all(["a", "b", "c", "d"].map((me) => node(code, url, table, me)));
      expect(await store.getTokens()).toHaveLength(101);
      // a server that others use has waits of its own
      if (container !== undefined) expect(await counter(url, "Innodb_row_lock_waits")).toBe(waits);
    });
  });
});

interface Plan {
  readonly table: string;
  readonly type: string;
  readonly key: string | null;
}

/** What the pool's one connection has executed and prepared. */
async function executions(pool: Pool): Promise<Record<string, number>> {
  const [rows] = await pool.query("SHOW SESSION STATUS LIKE 'Com_stmt_%'");
  const pairs = (rows as { Variable_name: string; Value: string }[]).map((row) => [
    row.Variable_name,
    Number(row.Value),
  ]);
  return Object.fromEntries(pairs);
}

async function counter(url: string, name: string): Promise<number> {
  const [row] = await sql(url, "SHOW GLOBAL STATUS LIKE ?", [name]);
  return Number(row?.Value);
}

/** Runs a module in a process of its own. */
async function node(code: string, ...values: string[]): Promise<void> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, "--", ...values], {
    stdio: "inherit",
    cwd: new URL("..", import.meta.url),
  });
  const [status] = await once(child, "exit");
  expect(status).toBe(0);
}
