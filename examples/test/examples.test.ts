import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startZoho } from "@tokenkeep/zoho-stand-in";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

// Zoho's SDKs are large: on a busy machine a program takes half a minute to load one
vi.setConfig({ testTimeout: 600_000 });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-examples-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function run(program: string, args: string[] = [], env: Record<string, string> = {}): Promise<string> {
  const path = fileURLToPath(new URL(`../${program}`, import.meta.url));
  const options = { cwd: directory, env: { ...process.env, ...env } };
  return (await promisify(execFile)(process.execPath, [path, ...args], options)).stdout;
}

describe("the demo", () => {
  it("refreshes once for 20 calls in two processes, mixes no users up, and shows no secret", async () => {
    const output = await run("demo/demo.mjs", [], { TOKENKEEP_DEMO_DIRECTORY: directory });
    expect(output.match(/Zoho: {3}1 × .*grant token → access token/g)).toHaveLength(2);
    expect(output.match(/\(no login\)/g)).toHaveLength(3);
    const refreshes = output.match(/\d+(?= × .*refresh token → new access token)/g);
    expect(refreshes).toEqual(["1", "2"]); // of one user, and of two
    expect(output.match(/10 calls as ann@example.com: 10 answered as ann@example.com/g)).toHaveLength(4);
    expect(output.match(/10 calls as bob@example.com: 10 answered as bob@example.com/g)).toHaveLength(2);
    expect(output).toContain("refreshToken: '***'");
    expect(output).toMatch(/\$ npx tokenkeep list .*\n +ID +USER .*\n.*ann@example\.com:60001/);
    expect(output).toContain("sqlite:tokens.db: healthy.");
    expect(output).not.toMatch(/1000\.[0-9a-f]{32}/);
    expect((await stat(join(directory, "tokens.db"))).mode & 0o077).toBe(0);
    const list = await run("demo/list.mjs", [join(directory, "tokens.db")]);
    expect(list).toContain("ann@example.com:60001");
  });
});

describe("the programs of the READMEs", () => {
  it.each(["typescript", "nodejs"])("zoho-%s: one login, whatever the number of starts", async (sdk) => {
    const zoho = await startZoho();
    try {
      const grantToken = zoho.grant("1000.CLIENT", { email: "ann@example.com", zgid: "1" });
      const args = [join(directory, "tokens.db"), grantToken, zoho.url];
      for (const _ of [1, 2]) {
        const output = await run(`programs/zoho-${sdk}.mjs`, args);
        expect(output).toContain("name: 'ann@example.com:1'");
        expect(output).toContain("refreshToken: '***'");
      }
      expect(zoho.requests).toEqual(["grant", "GET /crm/v8/users", "GET /crm/v8/org"]);
    } finally {
      await zoho.stop();
    }
  });

  it("zoho-import: reports what is left out, and may be run again", async () => {
    const file = join(directory, "store.txt");
    const header =
      "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";
    await writeFile(file, `${header},api_domain\n1,ann,c,s,r,,,,,\n2,bob,c,s,r,2,x,,,,,,`);
    const args = [file, join(directory, "tokens.db")];
    expect(await run("programs/zoho-import.mjs", args)).toMatch(
      /^1 saved, 0 there already\nleft out: line 3: /,
    );
    expect(await run("programs/zoho-import.mjs", args)).toMatch(/^0 saved, 1 there already\n/);
    expect(await readdir(directory)).toContain("store.txt");
  });

  it("memory", async () => {
    const output = await run("programs/memory.mjs");
    expect(output).toContain("refreshToken: '***'");
    expect(output).toMatch(/true 2\n$/);
  });
});
