import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import type { MysqlTokenStoreOptions } from "@tokenkeep/mysql";
import { ServerNotAvailable, startServer } from "@tokenkeep/test-servers";
import type { PoolOptions } from "mysql2";
import { createConnection, createPool } from "mysql2/promise";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, open, sql, urlWith } from "./support.js";

const LONG = "é😀".repeat(10_000);

await describeOnBoth(({ url, name, container }) => {
  const table = freshTable();
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));

  describe("a connection", () => {
    it("has the driver's options, which go before the URL's", async () => {
      const { password } = new URL(url);
      await worksWith({ url: urlWith(url, { password: "wrong" }), clientOptions: { password }, table });
    });

    it("can be compressed", async () => {
      const clientOptions = { compress: true };
      expect(await statusOf({ uri: url, ...clientOptions }, "Compression")).toBe("ON");
      await worksWith({ url, clientOptions, table });
    });

    it("can be encrypted", async () => {
      const clientOptions = { ssl: { rejectUnauthorized: false } };
      expect(await statusOf({ uri: url, ...clientOptions }, "Ssl_cipher")).toMatch(/TLS|AES|CHACHA/);
      await worksWith({ url, clientOptions, table });
      await worksWith({ url: `${url}?ssl={"rejectUnauthorized":false}`, table });
    });

    if (name === "mysql" && container !== undefined) {
      it("can be encrypted with a server that the given CA vouches for", async () => {
        const { output: ca } = await container.exec(["cat", "/var/lib/mysql/ca.pem"]);
        expect(ca).toContain("BEGIN CERTIFICATE");
        await worksWith({ url, clientOptions: { ssl: { ca } }, table });
      });
    }

    it("is refused where the given CA does not vouch for the server", async () => {
      const ssl = { ca: rootCertificates[0]! };
      const pool = createPool({ uri: url, ssl });
      for (const options of [{ url, clientOptions: { ssl } }, { pool }]) {
        await using store = open({ ...options, table });
        await expect(store.findTokenById("1")).rejects.toMatchObject({
          code: "ERR_INVALID_OPTIONS",
          retryable: false,
          message: expect.stringContaining("certificate"),
        });
      }
      await pool.end();
    });

    it("with a wrong password is refused at once, without showing it", async () => {
      await using store = open({ url: urlWith(url, { password: "wrong-secret" }), table });
      const error = await store.saveToken({ refreshToken: "hidden-value" }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", retryable: false, uncertain: false });
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause?.stack}`).not.toMatch(
        /wrong-secret|hidden-value/,
      );
    });

    it("to a database that is not there is refused at once", async () => {
      await using store = open({ url: urlWith(url, { pathname: "/nowhere" }), table });
      await expect(store.findTokenById("1")).rejects.toMatchObject({ code: "ERR_SCHEMA", retryable: false });
    });
  });
});

describe.each(["mysql", "mariadb"] as const)("the Unix socket of %s", (name) => {
  it("will do for a store", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "tokenkeep-socket-"));
    await chmod(folder, 0o777); // the server is another user
    try {
      await using server = await startServer(name, { mount: { source: folder, target: "/run/mysqld" } }).then(
        ({ url, stop }) => ({ url, [Symbol.asyncDispose]: stop }),
      );
      await worksWith({
        url: urlWith(server.url, { hostname: "unused.invalid" }),
        clientOptions: { socketPath: join(folder, "mysqld.sock") },
        table: "by_socket",
      });
    } catch (error) {
      if (error instanceof ServerNotAvailable) return context.skip(error.message);
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 300_000);
});

async function worksWith(options: MysqlTokenStoreOptions): Promise<void> {
  await using store = open(options);
  await store.saveToken({ id: "1", refreshToken: LONG });
  await store.saveToken({ id: "1", accessToken: "a" });
  expect((await store.findToken({ accessToken: "a" }))?.refreshToken).toBe(LONG);
  await store.deleteTokens();
}

/** What the server says of a connection with these options, so that a test can't pass without what it tests. */
async function statusOf(options: PoolOptions, variable: string): Promise<string> {
  const connection = await createConnection(options);
  const [rows] = await connection.query("SHOW SESSION STATUS LIKE ?", [variable]);
  await connection.end();
  return (rows as { Value: string }[])[0]!.Value;
}
