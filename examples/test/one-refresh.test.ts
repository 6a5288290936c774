import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { startZoho } from "@tokenkeep/zoho-stand-in";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../programs/one-refresh.mjs", import.meta.url));

it("four processes of ten callers refresh once, and all get the new token", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-refresh-"));
  const zoho = await startZoho();
  try {
    const endpoint = `${zoho.url}/oauth/v2/token`;
    const code = zoho.grant("1000.CLIENT", { email: "ann@example.com", zgid: "1" });
    const body = new URLSearchParams({ grant_type: "authorization_code", client_id: "1000.CLIENT", code });
    const login = (await (await fetch(endpoint, { method: "POST", body })).json()) as Record<string, string>;
    const store = new SqliteTokenStore(join(directory, "tokens.db"));
    const { id } = await store.saveToken({
      userSignature: { name: "ann@example.com:1" },
      clientId: "1000.CLIENT",
      clientSecret: "secret",
      refreshToken: login.refresh_token!,
      accessToken: login.access_token!,
      expiresAt: Date.now() - 1000,
    });
    const run = () =>
      promisify(execFile)(process.execPath, [
        program,
        join(directory, "tokens.db"),
        "ann@example.com:1",
        "1000.CLIENT",
        endpoint,
      ]);
    const results = await Promise.all([run(), run(), run(), run()]);
    expect(results.map(({ stdout }) => stdout)).toEqual(Array(4).fill("10 callers, 1 access token\n"));
    expect(zoho.requests.filter((request) => request === "refresh")).toHaveLength(1);
    const token = await store.findTokenById(id!);
    expect(token?.accessToken).not.toBe(login.access_token);
    expect(token?.refreshToken).toBe(login.refresh_token);
    expect(token?.revision).toBe(3); // saved, marked, refreshed
    await store.close();
  } finally {
    await zoho.stop();
    await rm(directory, { recursive: true });
  }
});
