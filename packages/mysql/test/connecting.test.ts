import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { MysqlTokenStore, type MysqlTokenStoreOptions } from "@tokenkeep/mysql";
import { ServerNotAvailable, startServer } from "@tokenkeep/test-servers";
import type { PoolOptions } from "mysql2";
import { createConnection, createPool } from "mysql2/promise";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, sql } from "./support.js";

const LONG = "é😀".repeat(10_000);

await describeOnBoth(({ url, name, container }) => {
  const table = freshTable();
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));
  const { hostname, port, username, password, pathname } = new URL(url);
  const parts = {
    host: hostname,
    port: Number(port || 3306),
    user: username,
    password,
    database: pathname.slice(1),
  };

  describe("a connection", () => {
    it("can be given in parts", async () => {
      await worksWith({ ...parts, table });
    });

    it("can be compressed", async () => {
      const options = { ...parts, compress: true };
      expect(await statusOf(options, "Compression")).toBe("ON");
      await worksWith({ ...options, table });
    });

    it("can be encrypted", async () => {
      const options = { ...parts, ssl: { rejectUnauthorized: false } };
      expect(await statusOf(options, "Ssl_cipher")).toMatch(/TLS|AES|CHACHA/);
      await worksWith({ ...options, table });
    });

    if (name === "mysql" && container !== undefined) {
      it("can be encrypted with a server that the given CA vouches for", async () => {
        const { output: ca } = await container.exec(["cat", "/var/lib/mysql/ca.pem"]);
        expect(ca).toContain("BEGIN CERTIFICATE");
        await worksWith({ ...parts, ssl: { ca }, table });
      });
    }

    it("is refused where the given CA does not vouch for the server, and nothing is sent again", async () => {
      await using store = new MysqlTokenStore({ ...parts, ssl: { ca: rootCertificates[0]! }, table });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_INVALID_OPTIONS",
        retryable: false,
        message: expect.stringMatching(/certificate/),
      });
    });

    it("is refused over a pool of the caller's likewise", async () => {
      const pool = createPool({ ...parts, ssl: { ca: rootCertificates[0]! } });
      await using store = new MysqlTokenStore({ pool, table });
      await expect(store.findTokenById("1")).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
      await store.close();
      await pool.end();
    });
  });
});

describe.each(["mysql", "mariadb"] as const)("the Unix socket of %s", (name) => {
  it("will do for a store", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "tokenkeep-socket-"));
    await chmod(folder, 0o777); // the server is another user
    try {
      await using server = await startServer(name, { source: folder, target: "/run/mysqld" }).then(
        ({ url, stop }) => ({ url, [Symbol.asyncDispose]: stop }),
      );
      const { username, password, pathname } = new URL(server.url);
      await worksWith({
        socketPath: join(folder, "mysqld.sock"),
        // over the socket root is another account than from another host
        user: username,
        password,
        database: pathname.slice(1),
        table: "by_socket",
      });
    } catch (error) {
      if (error instanceof ServerNotAvailable) return context.skip(error.message);
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function worksWith(options: MysqlTokenStoreOptions): Promise<void> {
  await using store = new MysqlTokenStore(options);
  await store.saveToken({ id: "1", refreshToken: LONG });
  await store.saveToken({ id: "1", accessToken: "a" });
  expect((await store.findToken({ accessToken: "a" }))?.refreshToken).toBe(LONG);
  await store.deleteTokens();
}

/** What the server says of a connection with these options: so that a test can't pass without what it tests. */
async function statusOf(options: PoolOptions, variable: string): Promise<string> {
  const connection = await createConnection(options);
  const [rows] = await connection.query("SHOW SESSION STATUS LIKE ?", [variable]);
  await connection.end();
  return (rows as { Value: string }[])[0]!.Value;
}
