import { lookup } from "node:dns/promises";
import { rootCertificates } from "node:tls";
import { describeOnServer } from "@tokenkeep/test-servers";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshName, open, sql, until } from "./support.js";

await describeOnServer("postgres", ({ url, container }) => {
  // A server that the environment names is not ours to set up.
  describe.skipIf(container === undefined)("TLS", () => {
    const schema = freshName();
    let server: string;
    let ca: string;

    beforeAll(async () => {
      const [row] = await sql(url, "SHOW data_directory");
      const directory = String(row?.data_directory);
      const { address } = await lookup(new URL(url).hostname, { family: 4 });
      server = Object.assign(new URL(url), { hostname: address }).href;
      const { output } = await container!.exec([
        "sh",
        "-ec",
        `cd ${directory}
         openssl req -new -x509 -days 30 -nodes -subj /CN=localhost -addext subjectAltName=IP:${address} -out server.crt -keyout server.key 2>/dev/null
         chown postgres server.crt server.key && chmod 600 server.key && cat server.crt`,
      ]);
      ca = output;
      expect(ca).toContain("BEGIN CERTIFICATE");
      await sql(url, "ALTER SYSTEM SET ssl = on");
      await sql(url, "SELECT pg_reload_conf()");
      await until(async () => (await sql(url, "SHOW ssl"))[0]?.ssl === "on");
    });
    afterAll(() => sql(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`));

    it("is used with a CA that vouches for the server", async () => {
      const clientOptions = { ssl: { ca }, application_name: schema };
      const pool = new pg.Pool({ connectionString: server, ...clientOptions });
      for (const options of [{ url: server, clientOptions }, { pool }]) {
        await using store = open({ ...options, schema });
        await store.saveToken({ id: "1", refreshToken: "r" });
        const encrypted = `SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
          WHERE application_name = $1`;
        expect(await sql(url, encrypted, [schema])).toEqual([{ all: true }]);
      }
      await pool.end();
    });

    it("refuses a server that nobody known vouches for, or for another host, and sends nothing", async () => {
      const verify = { url: `${server}?sslmode=verify-full` };
      const unknown = { url: server, clientOptions: { ssl: { ca: rootCertificates[0]! } } };
      const otherHost = { url: server, clientOptions: { ssl: { ca, servername: "other.example.com" } } };
      for (const options of [verify, unknown, otherHost]) {
        await using store = open({ ...options, schema });
        await expect(store.saveToken({ refreshToken: "r2" })).rejects.toMatchObject({
          code: "ERR_INVALID_OPTIONS",
          retryable: false,
          uncertain: false,
          message: expect.stringContaining("certificate"),
        });
      }
    });
  });
});
