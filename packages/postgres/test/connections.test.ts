import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { startProxy } from "@tokenkeep/conformance";
import { keysOf, type TokenFields } from "@tokenkeep/core/backend";
import { describeOnServer } from "@tokenkeep/test-servers";
import pg from "pg";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { freshName, open, sql, until, urlWith } from "./support.js";

const NO_FIELDS = {
  userName: null,
  clientId: null,
  grantToken: null,
  refreshToken: null,
} as unknown as TokenFields;

await describeOnServer("postgres", ({ url, container }) => {
  const schema = freshName();
  // A container is removed as a whole, and has another port once it was restarted.
  afterAll(async () => {
    if (container === undefined) await sql(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  });

  describe("a caller's pool", () => {
    const pools: pg.Pool[] = [];
    const poolWith = (config: pg.PoolConfig = {}) => {
      const pool = new pg.Pool({ connectionString: url, ...config });
      pools.push(pool);
      return pool;
    };
    afterEach(async () => {
      for (const pool of pools.splice(0)) if (!pool.ended) await pool.end();
    });

    it("stays open, with no listener of ours", async () => {
      const pool = poolWith({ max: 2 });
      const clients: pg.PoolClient[] = [];
      pool.on("connect", (client) => void clients.push(client as pg.PoolClient));
      const store = open({ pool, schema });
      const listeners = () =>
        [pool, ...clients].map((one) => one.eventNames().map((name) => [name, one.listenerCount(name)]));
      await store.findTokenById("1");
      const before = listeners();
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.saveToken({ refreshToken: `l${i}` })));
      await store.close();
      expect(listeners().slice(0, before.length)).toEqual(before);
      expect((await pool.query("SELECT 1")).rowCount).toBe(1);
      expect(clients.length).toBeLessThanOrEqual(2);
    });

    it("may have type parsers of its own", async () => {
      const types = { getTypeParser: () => () => "nonsense" } as unknown as pg.CustomTypesConfig;
      const pool = poolWith({ types });
      await using store = open({ pool, schema });
      await store.saveToken({ id: "parsed", refreshToken: "é😀\0", expiresAt: 7 });
      expect((await store.findTokenById("parsed"))?.toPlain()).toMatchObject({
        refreshToken: "é😀\0",
        expiresAt: 7,
      });
      expect(await store.withLock("k", ({ fence }) => fence)).toBeGreaterThan(0);
    });

    it("that has no connection free ends a call in time, and serves the next", async () => {
      const pool = poolWith({ max: 1 });
      await using store = open({ pool, schema, timeoutMs: 1000 });
      await vi.waitFor(() => store.findTokenById("1"), 30_000);
      const taken = await pool.connect();
      await expect(store.saveToken({ refreshToken: "never" })).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
        uncertain: false,
        message: expect.stringMatching(/no connection of the pool.*Nothing was sent/),
      });
      taken.release();
      await vi.waitFor(
        async () => expect(await store.findToken({ refreshToken: "never" })).toBeNull(),
        20_000,
      );
    });

    it("that was ended is not waited for", async () => {
      const pool = poolWith();
      await using store = open({ pool, schema });
      await pool.end();
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: false,
      });
    });
  });

  it("a connection that the server ends in the packet that opens it does not end the process", async () => {
    const { hostname, port } = new URL(url);
    const name = freshName();
    const ready = Buffer.from("Z\0\0\0\x05I", "latin1");
    let ended = 0;
    const proxy = createServer((client) => {
      const server = connect(Number(port || 5432), hostname);
      client.pipe(server);
      // What the server says of the end of the first connection waits for what it says of its beginning.
      let held: Buffer | undefined;
      server.on("data", async (data: Buffer) => {
        if (held !== undefined) client.write(Buffer.concat([held, data]));
        else if (ended > 0 || !data.includes(ready)) client.write(data);
        else {
          held = data;
          ended++;
          await sql(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            [name],
          );
        }
      });
      server.on("close", () => client.destroy());
      client.on("close", () => server.destroy());
      for (const socket of [client, server]) socket.on("error", () => {});
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const through = urlWith(url, {
      hostname: "127.0.0.1",
      port: String((proxy.address() as AddressInfo).port),
      search: `?application_name=${name}`,
    });
    const pool = new pg.Pool({ connectionString: through });
    for (const where of [{ url: through }, { pool }]) {
      ended = 0;
      const store = open({ ...where, schema });
      expect(await store.findTokenById("nobody")).toBeNull();
      expect(ended).toBe(1);
      await store.close();
    }
    await pool.end();
    proxy.close();
  });

  describe("statements", () => {
    it("are not prepared by name unless asked for", async () => {
      for (const prepare of [false, true]) {
        const pool = new pg.Pool({ connectionString: url, max: 1 });
        await using store = open({ pool, schema, prepare });
        for (let i = 0; i < 3; i++) await store.saveToken({ id: "p", refreshToken: "p" });
        const { rows } = await pool.query("SELECT name FROM pg_prepared_statements");
        if (prepare) expect(rows.length).toBeGreaterThan(0);
        else expect(rows).toEqual([]);
        await store.close();
        await pool.end();
      }
    });

    it("find by an index, in one round trip for all lookups", async () => {
      const pool = new pg.Pool({ connectionString: url, max: 1 });
      const sent: { text: string; values: unknown[] }[] = [];
      pool.on("connect", (client) => {
        const query = client.query.bind(client) as (given: unknown) => Promise<unknown>;
        client.query = ((given: { text: string; values: unknown[] }) => {
          sent.push(given);
          return query(given);
        }) as typeof client.query;
      });
      await using store = open({ pool, schema });
      const token = { userSignature: { name: "u" }, clientId: "c", refreshToken: "r", accessToken: "a" };
      await store.findTokenById("1"); // opens it
      sent.length = 0;
      await store.findToken(token);
      await store.findToken({ userSignature: { name: "u" } });
      await store.findTokenById("1");
      for await (const _ of store.tokens()) break;
      expect(sent).toHaveLength(4);
      await sql(url, `ANALYZE ${schema}.tokenkeep`);
      const client = new pg.Client(url);
      await client.connect();
      await client.query("SET enable_seqscan = off"); // a small table is read as a whole otherwise
      for (const { text, values } of sent) {
        const { rows } = await client.query(`EXPLAIN ${text}`, values);
        const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
        expect(plan).toMatch(/Index (Only )?Scan|Bitmap Index Scan/);
        expect(plan).not.toContain("Seq Scan");
      }
      await client.end();
      await store.close();
      await pool.end();
    });

    it("save a changed copy in one round trip", async () => {
      const pool = new pg.Pool({ connectionString: url, max: 1 });
      let queries = 0;
      pool.on("acquire", () => void queries++);
      await using store = open({ pool, schema });
      const saved = await store.saveToken({ id: "copy", refreshToken: "copy" });
      queries = 0;
      await store.saveToken(saved.with({ accessToken: "new" }));
      expect(queries).toBe(1);
      await store.close();
      await pool.end();
    });

    it("are repeated after a deadlock", async () => {
      await using store = open({ url, schema });
      await store.saveToken({ id: "d", refreshToken: "d" });
      const taken = keysOf({ ...NO_FIELDS, accessToken: "wanted" }).accessToken;
      const other = new pg.Client(url);
      await other.connect();
      // So that the store's statement is the one that the server ends.
      await other.query("SET deadlock_timeout = '1h'; BEGIN");
      await other.query(
        `INSERT INTO ${schema}.tokenkeep (namespace, id, etag, created_at, saved_at, record, access_token_key)
         VALUES ('', 'other', '', 0, 0, '', $1)`,
        [taken],
      );
      // It has the record, and waits to learn whether its access token is another's.
      const save = store.saveToken({ id: "d", accessToken: "wanted" });
      await until(async () => {
        const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        return (await sql(url, waiting)).length === 1;
      });
      // Resolves because the server ends the store's statement.
      await other.query(`UPDATE ${schema}.tokenkeep SET etag = etag WHERE id = 'd'`);
      await other.query("ROLLBACK");
      await other.end();
      expect((await save).revision).toBe(2);
    });

    it("go to a writable server as soon as there is one", async () => {
      const user = freshName();
      await sql(
        url,
        `CREATE USER ${user} PASSWORD 'pw';
         GRANT USAGE ON SCHEMA ${schema} TO ${user}; GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO ${user};
         ALTER ROLE ${user} SET default_transaction_read_only = on`,
      );
      await using store = open({
        url: urlWith(url, { username: user, password: "pw" }),
        schema,
      });
      expect(await store.findTokenById("none")).toBeNull();
      const save = store.saveToken({ id: "failover", refreshToken: "failover" });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await sql(url, `ALTER ROLE ${user} RESET default_transaction_read_only`); // for new connections
      expect((await save).revision).toBe(1);
      await store.close();
      await sql(url, `DROP OWNED BY ${user}; DROP USER ${user}`);
    });

    it("that a server refuses are known not to have been applied", async () => {
      const user = freshName();
      await sql(
        url,
        `CREATE USER ${user} PASSWORD 'pw';
         GRANT USAGE ON SCHEMA ${schema} TO ${user}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${user}`,
      );
      await using store = open({
        url: urlWith(url, { username: user, password: "pw" }),
        schema,
      });
      const error = await store.saveToken({ refreshToken: "hidden-value" }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", retryable: false, uncertain: false });
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause?.stack}`).not.toContain("hidden-value");
      await store.close();
      await sql(url, `DROP OWNED BY ${user}; DROP USER ${user}`);
    });
  });

  describe("a connection", () => {
    it("with a wrong password is refused at once, without showing it", async () => {
      await using store = open({ url: urlWith(url, { password: "wrong-secret" }) });
      const error = await store.findTokenById("1").catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", retryable: false });
      expect(`${error.stack} ${error.cause?.stack}`).not.toContain("wrong-secret");
    });

    it("to a database that is not there is refused at once", async () => {
      await using store = open({ url: urlWith(url, { pathname: "/nowhere" }) });
      await expect(store.findTokenById("1")).rejects.toMatchObject({ code: "ERR_SCHEMA", retryable: false });
    });

    it("in plaintext to a server without TLS is not made where TLS was asked for", async () => {
      await using store = open({ url, schema, clientOptions: { ssl: true } });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_INVALID_OPTIONS",
        retryable: false,
        message: expect.stringContaining("TLS"),
      });
    });

    it("that the server ends is replaced", async () => {
      const pool = new pg.Pool({ connectionString: url, application_name: schema });
      pool.on("error", () => {});
      await using store = open({ pool, schema });
      const { revision } = await store.saveToken({ id: "ended", refreshToken: "ended" });
      for (let i = 1; i <= 3; i++) {
        await sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", [
          schema,
        ]);
        expect((await store.saveToken({ refreshToken: "ended" })).revision).toBe(revision! + i);
      }
      await store.close();
      await pool.end();
    });

    // A server that the environment names is not ours to kill.
    if (container !== undefined) {
      it("comes back after the server was killed under load, and nothing acknowledged is lost", async () => {
        const { hostname } = new URL(url);
        const proxy = await startProxy(hostname, () => container.getMappedPort(5432));
        const proxied = urlWith(url, { hostname: "127.0.0.1", port: String(proxy.port) });
        await using store = open({ url: proxied, schema, timeoutMs: 3000 });
        const acknowledged = new Map<string, number>();
        let isOver = false;
        const savers = Array.from({ length: 5 }, async (_, i) => {
          while (!isOver) {
            try {
              const { revision } = await store.saveToken({ id: `k${i}`, refreshToken: `k${i}` });
              acknowledged.set(`k${i}`, revision!);
            } catch (error) {
              expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
              await new Promise((resolve) => setTimeout(resolve, 50));
            }
          }
        });
        await until(() => acknowledged.size === 5);
        await container.restart({ timeout: 0 }); // SIGKILL at once
        const before = new Map(acknowledged);
        await until(() => [...before].every(([id, revision]) => acknowledged.get(id)! > revision));
        isOver = true;
        await Promise.all(savers);
        for (const [id, revision] of acknowledged) {
          const found = await store.findTokenById(id);
          expect(found?.refreshToken).toBe(id);
          expect(found?.revision).toBeGreaterThanOrEqual(revision);
        }
        await store.close();
        await proxy.close();
      });
    }
  });
});
