import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fill, folderForTest, storeOn } from "./support/backends.js";
import { MAIN, tokenkeep } from "./support/run.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
const SECRETS = /(refresh|access)-secret/;

/**
 * Runs the command on a terminal, with the `script` of util-linux.
 * @param answer what is typed when it asks
 */
function onTerminal(args: string, answer = "", env: Record<string, string> = {}): Promise<string> {
  const command = `"${process.execPath}" "${MAIN}" ${args}; echo "status $?"`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { PATH: process.env.PATH ?? "", TERM: "xterm", ...env },
  });
  return new Promise((resolve, reject) => {
    let shown = "";
    let isAsked = false;
    child.stdout.on("data", (chunk) => {
      shown += chunk;
      if (isAsked || !shown.includes("[y/N] ")) return;
      isAsked = true;
      child.stdin.write(answer);
    });
    child.on("error", reject);
    child.on("close", () => resolve(shown));
  });
}

async function storeOf(...names: string[]): Promise<{ store: string; ids: string[] }> {
  const store = `sqlite:${join(folderForTest(), "tokens.db")}`;
  return { store, ids: await fill(store, names) };
}

describe.skipIf(process.platform !== "linux" || !existsSync("/usr/bin/script"))("on a terminal", () => {
  it("has colours, but not with NO_COLOR", async () => {
    const { store } = await storeOf("ann");
    const shown = await onTerminal(`list --store ${store}`);
    expect(shown).toContain("\u001b[32min 59 minutes\u001b[39m");
    expect(shown).toContain("1 record\r\n");
    expect(await onTerminal(`list --store ${store}`, "", { NO_COLOR: "1" })).not.toContain("\u001b");
  });

  it("asks before it changes anything, and names the target", async () => {
    const { store, ids } = await storeOf("ann", "bob");
    const question = /Delete the record ".*" from sqlite:.*tokens\.db, which has 2 records\? \[y\/N\] /;
    const no = await onTerminal(`delete ${ids[0]} --store ${store}`, "n\n");
    expect(no).toMatch(question);
    expect(no).toMatch(/Nothing was changed\.\r\nstatus 1/);
    const yes = await onTerminal(`delete ${ids[0]} --store ${store}`, "y\n");
    expect(yes).toMatch(question);
    expect(yes).toContain("status 0");
    const never = await onTerminal(`delete ${ids[1]} --store ${store} --no-input`);
    expect(never).toContain("status 2");
  });

  it("ends at Ctrl-C where it asks, and changes nothing", async () => {
    const { store, ids } = await storeOf("ann");
    const shown = await onTerminal(`delete ${ids[0]} --store ${store}`, "\u0003");
    expect(shown).toContain("Nothing was changed.");
    const opened = storeOn(store);
    expect(await opened.findTokenById(ids[0]!)).not.toBeNull();
    await opened.close();
  });

  it("asks before it shows secrets", async () => {
    const { store, ids } = await storeOf("ann");
    const no = await onTerminal(`show ${ids[0]} --reveal --store ${store}`, "n\n");
    expect(no).not.toMatch(SECRETS);
    expect(await onTerminal(`show ${ids[0]} --reveal --store ${store}`, "y\n")).toContain(
      "refresh-secret-ann",
    );
  });

  it("shows a user's name with escape sequences as text, everywhere", async () => {
    const name = "\u001b[2J\u001b]0;title\u0007evil\u009b31m\u202e\r\n";
    const { store, ids } = await storeOf(name);
    const opened = storeOn(store);
    await opened.saveToken({ id: "id \u001b[5m", refreshToken: "r", refreshState: { status: "\u001b[7m" } });
    await opened.close();
    for (const args of [
      "list",
      "list --sort user",
      `show ${ids[0]}`,
      "show 'id \u001b[5m'",
      "show 'no \u001b[5m'",
      `delete ${ids[0]} --dry-run`,
      "delete 'id \u001b[5m' --dry-run",
      "delete 'id \u001b[5m'",
      "find --user 'no \u001b[5m'",
      "doctor",
      "list --user '\u001b[5m' --sort '\u001b[5m'",
      "'\u001b[5m'",
      "list '--\u001b[5m'",
      "import '\u001b[5m'",
      "doctor --ignore '\u001b[5m'",
    ]) {
      const shown = await onTerminal(`${args} --store ${store}`, "n\n", { NO_COLOR: "1" });
      expect(shown.replaceAll("\r\n", "\n")).not.toMatch(CONTROLS);
    }
  });
});

describe("without a terminal", () => {
  it("every command that changes something needs --yes, and never waits", async () => {
    const { store, ids } = await storeOf("ann");
    const target = `file:${join(folderForTest(), "tokens.jsonl")}`;
    await fill(target, ["bob"]);
    const file = join(folderForTest(), "tokens.export");
    await tokenkeep(["export", "--store", store, "--plaintext", "--output", file]);
    const issuer = ["--issuer", "http://127.0.0.1:1"];
    for (const args of [
      ["delete", ids[0]!],
      ["prune", "--idle", "0s"],
      ["revoke", ids[0]!, ...issuer],
      ["rekey", "--to", "plaintext", "--plaintext"],
      ["copy", "--to", target],
      ["import", file],
      ["show", ids[0]!, "--reveal"],
      ["migrate"],
    ]) {
      const { status, stdout, stderr } = await tokenkeep([...args, "--store", store]);
      expect([args[0], status, stdout]).toEqual([args[0], 2, ""]);
      expect(stderr).toContain("--yes");
    }
  });

  it("has no colours and no progress", async () => {
    const { store } = await storeOf("ann");
    const args = ["copy", "--store", store, "--to", `file:${join(folderForTest(), "tokens.jsonl")}`];
    const { stdout, stderr } = await tokenkeep(args, { FORCE_COLOR: "" });
    expect(stdout + stderr).not.toContain("\u001b");
    expect(stdout + stderr).not.toContain("\r");
  });
});

describe("secrets", () => {
  it("are refused in an argument, which `ps` and the shell's history show", async () => {
    const url = "postgres://app:pass-word@127.0.0.1:1/app";
    for (const args of [
      ["list", "--store", url],
      ["copy", "--store", "sqlite:none.db", "--to", url],
      ["import", "mysql://root:pass-word@127.0.0.1:1/zoho", "--store", "sqlite:none.db"],
    ]) {
      const { status, stdout, stderr } = await tokenkeep(args);
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toContain("@FILE");
      expect(stderr).not.toContain("pass-word");
    }
  });

  it("can come from the environment or a file, and are shown by no message", async () => {
    const url = "postgres://app:pass-word@127.0.0.1:1/app";
    const file = join(folderForTest(), "store");
    writeFileSync(file, `${url}\n`, { mode: 0o600 });
    for (const [args, env] of [
      [["list"], { TOKENKEEP_STORE: url }],
      [["list", "--store", `@${file}`], {}],
    ] as const) {
      const { status, stdout, stderr } = await tokenkeep(args, env);
      expect(status).toBeGreaterThan(0);
      expect(stdout + stderr).toMatch(/ECONNREFUSED|reached|unreachable|ERR_UNAVAILABLE/);
      expect(stdout + stderr).not.toContain("pass-word");
    }
  });

  it("are in no process's arguments", async () => {
    const { store } = await storeOf("ann");
    const child = spawn(process.execPath, [MAIN, "list"], {
      env: { PATH: process.env.PATH ?? "", TOKENKEEP_STORE: store, TOKENKEEP_KEYS: "" },
      stdio: "ignore",
    });
    if (process.platform === "linux")
      expect(readFileSync(`/proc/${child.pid}/cmdline`, "utf8")).not.toContain("tokens.db");
    await new Promise((resolve) => child.on("close", resolve));
  });
});
