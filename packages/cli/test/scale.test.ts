import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateKey, keysInUse, pruneTokens, type TokenStore } from "@tokenkeep/core";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { type Provider, TokenManager } from "@tokenkeep/oauth2";
import Database from "better-sqlite3";
import { describe, expect, it, vi } from "vitest";
import { isMemo } from "../src/tokens.js";
import { fill, folderForTest, storeOn } from "./support/backends.js";
import { MAIN, tokenkeepHere } from "./support/run.js";

vi.setConfig({ testTimeout: 1_800_000 });

const EVERY = Boolean(process.env.TOKENKEEP_EVERY);
const DAY = 86_400_000;

/** A SQLite store with many records, which are copies of one. */
async function manyRecords(count: number): Promise<string> {
  const url = `sqlite:${join(folderForTest(), "tokens.db")}`;
  const [id] = await fill(url, ["ann"]);
  const database = new Database(url.slice("sqlite:".length));
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO tokenkeep_tokens (namespace, id, etag, created_at, saved_at, record)
    SELECT '', 'id ' || i, 'etag ' || i, created_at + i, saved_at + i,
      json_set(json_remove(record, '$.userName', '$.accessToken'), '$.id', 'id ' || i, '$.etag', 'etag ' || i,
        '$.refreshToken', 'refresh-secret ' || i, '$.createdAt', created_at + i, '$.savedAt', saved_at + i)
    FROM n, (SELECT * FROM tokenkeep_tokens WHERE id = '${id}')`);
  database.close();
  return url;
}

describe("list", () => {
  const records = EVERY ? 1_000_000 : 20_000;

  /** Runs the command with so little memory that it can't keep the records. */
  function run(command: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn("sh", ["-c", command], {
      env: { ...process.env, NODE_OPTIONS: "--max-old-space-size=32" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Promise((resolve) => {
      const output = { stdout: "", stderr: "" };
      child.stdout.on("data", (chunk) => {
        output.stdout += chunk;
      });
      child.stderr.on("data", (chunk) => {
        output.stderr += chunk;
      });
      child.on("close", (status) => resolve({ status, ...output }));
    });
  }

  it.skipIf(process.platform === "win32")(
    `streams ${records} records, and a closed pipe ends it quietly`,
    async () => {
      const url = await manyRecords(records);
      const list = `"${process.execPath}" "${MAIN}" list --store ${url}`;
      for (const json of ["", "--json"]) {
        const { stdout, stderr } = await run(`(${list} ${json}; echo "status $?" >&2) | wc -l`);
        expect(stderr).toBe("status 0\n");
        expect(Number(stdout)).toBe(records + (json === "" ? 1 : 0));
        const head = await run(`(${list} ${json}; echo "status $?" >&2) | head -1`);
        expect(head.stderr).toBe("status 0\n");
        expect(head.stdout).toContain(json === "" ? "EXPIRES" : '"user":"ann"');
      }
    },
  );
});

describe("copy", () => {
  const records = EVERY ? 100_000 : 2_000;

  it(`copies ${records} records, shows how far it is, and goes on after Ctrl-C`, async () => {
    const url = await manyRecords(records);
    const target = `sqlite:${join(folderForTest(), "copy.db")}`;
    const args = ["copy", "--store", url, "--to", target, "--yes"];
    const stopped = new AbortController();
    const stop = (text: string) => {
      if (text.includes("500 tokens")) stopped.abort(new Error("Stopped."));
    };
    const here = { isTerminal: true, signal: stopped.signal, onStderr: stop };
    const first = await tokenkeepHere(args, {}, here);
    expect(first).toMatchObject({ status: 1, stderr: expect.stringContaining("Stopped.") });
    const { status, stdout, stderr } = await tokenkeepHere(args, {}, { isTerminal: true });
    expect(status).toBe(0);
    const [, written, kept] = /^([\d,]+) tokens copied, ([\d,]+) kept/
      .exec(stdout)!
      .map((text) => Number(text.replaceAll(",", "")));
    expect(kept).toBeGreaterThan(0);
    expect(written! + kept!).toBe(records);
    expect(stderr.split("\r\u001b[K")).toContainEqual(
      expect.stringMatching(/^1,500 tokens, [\d,]+ per second$/),
    );
    expect(stderr).toMatch(/verified 1,500 of/);
    expect(stderr).toMatch(/tokens read, [\d,]+ per second\.\n/);
    expect(stderr).toContain(
      `Verified: every one of ${records.toLocaleString("en")} tokens is in the target.`,
    );
  });

  it("overwrites nothing that a program saves in the target meanwhile", async () => {
    const url = await manyRecords(500);
    const target = `sqlite:${join(folderForTest(), "copy.db")}`;
    const args = ["copy", "--store", url, "--to", target, "--yes"];
    await tokenkeepHere(args);
    const [source, program] = [storeOn(url), storeOn(target)];
    const ids = (await program.getTokens()).map(({ id }) => id!);
    // All of them are newer in the source, until the program saves them.
    for (const id of ids) await source.saveToken({ id, accessToken: `from the source ${id}` });
    const copying = tokenkeepHere(args);
    for (const id of ids) {
      await program.saveToken({ id, refreshToken: `by the program ${id}` });
      await new Promise(setImmediate);
    }
    expect(await copying).toMatchObject({ status: 0 });
    expect(await tokenkeepHere(args)).toMatchObject({ status: 0 });
    for (const token of await program.getTokens())
      expect(token.refreshToken).toBe(`by the program ${token.id}`);
    await Promise.all([source.close(), program.close()]);
  });

  it("loses no rotation that happens meanwhile: the next copy has it", async () => {
    const url = await manyRecords(500);
    const target = `sqlite:${join(folderForTest(), "copy.db")}`;
    const program = storeOn(url);
    const ids = (await program.getTokens()).map(({ id }) => id!);
    let isCopied = false;
    const rotating = (async () => {
      for (let round = 0; !isCopied; round++) {
        const id = ids[(round * 7) % ids.length]!;
        await program.saveToken({ id, refreshToken: `rotated ${round}` });
        await new Promise(setImmediate);
      }
    })();
    const args = ["copy", "--store", url, "--to", target, "--yes"];
    // It may say that the source changed meanwhile, and to run it again.
    for (let i = 0; i < 3; i++) expect([0, 1]).toContain((await tokenkeepHere(args)).status);
    isCopied = true;
    await rotating;
    expect(await tokenkeepHere(args)).toMatchObject({ status: 0 });
    const copied = storeOn(target);
    const plain = async (store: TokenStore) => (await store.getTokens()).map((token) => token.toPlain());
    expect(await plain(copied)).toEqual(await plain(program));
    await Promise.all([copied.close(), program.close()]);
  });
});

describe("import from a Zoho SDK's file", () => {
  const HEADER =
    "id,user_name,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";

  function fileOf(count: number): string {
    const file = join(folderForTest(), "zoho_tokens.txt");
    const lines = Array.from({ length: count }, (_, i) => `,user ${i},1000.C,s,refresh-secret ${i},,,,`);
    writeFileSync(file, [HEADER, ...lines].join("\n"));
    return file;
  }

  it("shows how far it is and how fast, goes on after Ctrl-C, and verifies what it imported", async () => {
    const url = `sqlite:${join(folderForTest(), "tokens.db")}`;
    const args = ["import", fileOf(1200), "--store", url, "--yes"];
    const stopped = new AbortController();
    const onStderr = (text: string) => {
      if (text.includes("500 tokens")) stopped.abort(new Error("Stopped."));
    };
    const first = await tokenkeepHere(args, {}, { isTerminal: true, signal: stopped.signal, onStderr });
    expect(first).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("Stopped.") });
    const rehearsed = await tokenkeepHere([...args, "--dry-run"]);
    expect(rehearsed.stdout).toContain("700 tokens would be imported, 500 kept as they are");
    const { status, stdout, stderr } = await tokenkeepHere(args, {}, { isTerminal: true });
    expect([status, stdout]).toEqual([
      0,
      "700 tokens imported, 500 kept as they are: there already, or imported before.\n",
    ]);
    expect(stderr.split("\r\u001b[K")).toContainEqual(
      expect.stringMatching(/^500 tokens, [\d,]+ per second$/),
    );
    expect(stderr).toContain("verified 500 of 1,200");
    expect(stderr).toMatch(/1,200 tokens read, [\d,]+ per second\.\n/);
    expect(stderr).toContain("Verified: every one of 700 tokens is in the target.\n");
    const again = await tokenkeepHere(args);
    expect(again).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("0 tokens imported, 1,200 kept"),
    });
    expect(again.stderr).not.toContain("Verified");
  });

  it("says so if a token that it imported is not there at the end", async () => {
    const url = `sqlite:${join(folderForTest(), "tokens.db")}`;
    const onStderr = (text: string) => {
      if (!text.includes("tokens read")) return;
      const database = new Database(url.slice("sqlite:".length));
      database.exec("DELETE FROM tokenkeep_tokens WHERE record LIKE '%refresh-secret 1\"%'");
      database.close();
    };
    const { status, stderr } = await tokenkeepHere(["import", fileOf(3), "--store", url], {}, { onStderr });
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining("1 token changed in the source meanwhile, or are"),
    ]);
  });

  it("verifies the others if a line can't be imported, and then fails", async () => {
    const file = fileOf(3);
    appendFileSync(file, "\n9,junk,c,s,,,,,");
    const url = `sqlite:${join(folderForTest(), "tokens.db")}`;
    const { status, stdout, stderr } = await tokenkeepHere(["import", file, "--store", url]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^3 tokens imported, .*\nnot imported: line 5: .*\n$/);
    expect(stderr).toContain("Verified: every one of 3 tokens is in the target.");
    expect(stderr).toContain("1 token could not be imported.");
    // What the store remembers of the import is no record that a list shows.
    const asked = await tokenkeepHere(["import", file, "--store", url]);
    expect([asked.status, asked.stderr]).toEqual([2, expect.stringContaining("which has 3 records")]);
  });

  it("keeps to --max-rate", async () => {
    const url = `sqlite:${join(folderForTest(), "tokens.db")}`;
    const args = ["import", fileOf(5), "--store", url];
    await stopsAfter(args, 1, () => countOf(url));
  });
});

/** How many tokens a store has. */
async function countOf(url: string): Promise<number> {
  const store = storeOn(url);
  const { length } = (await store.getTokens()).filter(({ id }) => !isMemo(id!));
  await store.close();
  return length;
}

/** Runs a command with a rate of a record in a quarter of an hour, and stops it after its first few records. */
async function stopsAfter(args: readonly string[], few: number, done: () => Promise<number>): Promise<void> {
  const stop = new AbortController();
  const running = tokenkeepHere([...args, "--max-rate", "0.001", "--yes"], {}, { signal: stop.signal });
  await vi.waitUntil(async () => (await done()) >= few, { timeout: 60_000, interval: 20 });
  await sleep(300);
  stop.abort(new Error("Stopped."));
  expect(await running).toMatchObject({ status: 1, stderr: expect.stringContaining("Stopped.") });
  expect(await done()).toBe(few);
}

describe("--max-rate", () => {
  it("shows how far a slow copy is before its first 500 tokens", async () => {
    const target = `sqlite:${join(folderForTest(), "copy.db")}`;
    const args = ["copy", "--store", await manyRecords(60), "--to", target, "--max-rate", "60"];
    const { stderr } = await tokenkeepHere(args, {}, { isTerminal: true });
    expect(stderr.split("\r\u001b[K")).toContainEqual(expect.stringMatching(/^40 tokens, \d+ per second$/));
  });

  it("slows copy down", async () => {
    const target = `sqlite:${join(folderForTest(), "copy.db")}`;
    await stopsAfter(["copy", "--store", await manyRecords(50), "--to", target], 20, () => countOf(target));
  });

  it("slows the verification of a copy down", async () => {
    const args = [
      "copy",
      "--store",
      await manyRecords(50),
      "--to",
      `sqlite:${join(folderForTest(), "c.db")}`,
    ];
    await tokenkeepHere(args);
    const stop = new AbortController();
    const onStderr = (text: string) => {
      if (text.includes("tokens read")) setTimeout(() => stop.abort(new Error("Stopped.")), 300);
    };
    const here = { signal: stop.signal, onStderr };
    // 50 tokens take 0.4 s, and as long again to be verified.
    const { stderr } = await tokenkeepHere([...args, "--yes", "--max-rate", "100"], {}, here);
    expect(stderr).toContain("Stopped.");
  });

  it("slows prune down", async () => {
    const url = await manyRecords(5);
    await stopsAfter(["prune", "--store", url, "--idle", "0s"], 1, async () => 5 - (await countOf(url)));
  });

  it("slows rekey down", async () => {
    const url = await manyRecords(50);
    const keys = join(folderForTest(), "keys");
    writeFileSync(keys, generateKey("k1"), { mode: 0o600 });
    await stopsAfter(["rekey", "--store", url, "--keys-file", keys], 8, async () => {
      const store = storeOn(url);
      const { keys } = await keysInUse(store);
      await store.close();
      return keys.k1 ?? 0;
    });
  });

  it("is a number", async () => {
    for (const rate of ["0", "fast"]) {
      const { status, stderr } = await tokenkeepHere(["prune", "--idle", "1d", "--max-rate", rate]);
      expect([status, stderr]).toEqual([2, expect.stringContaining("--max-rate must be a number")]);
    }
  });
});

describe("prune", () => {
  // On SQLite each of a round's five writes waits for the disk.
  it.each([
    ["memory", EVERY ? 10_000 : 2_000, () => new MemoryTokenStore()],
    ["SQLite", EVERY ? 10_000 : 200, () => storeOn(`sqlite:${join(folderForTest(), "tokens.db")}`)],
  ] as const)(
    "on %s removes no token that a refresh has just saved, in %i rounds",
    async (_name, rounds, open) => {
      const store: TokenStore = open();
      let issued = 0;
      const pause = async (turns: number) => {
        for (let i = 0; i < turns; i++) await new Promise(setImmediate);
      };
      const provider: Provider = {
        clientId: "app",
        rotation: "strict",
        refresh: async () => {
          await pause(issued % 3);
          issued++;
          return {
            access_token: `a${issued}`,
            refresh_token: `r${issued}`,
            token_type: "Bearer",
            expires_in: 3600,
          };
        },
        revoke: async () => {},
      };
      const tokens = new TokenManager(store, provider);
      const outcomes = { refreshed: 0, pruned: 0 };
      for (let round = 0; round < rounds; round++) {
        const id = `round ${round}`;
        const at = Date.now() - 100 * DAY;
        await store.importToken({
          id,
          clientId: "app",
          refreshToken: `first ${round}`,
          accessToken: `x${round}`,
          expiresAt: at,
          revision: 1,
          createdAt: at,
          savedAt: at,
        });
        const refreshing = (async () => {
          await pause(round % 4);
          return tokens.getToken({ id });
        })();
        const pruning = (async () => {
          await pause((round >> 2) % 7);
          return pruneTokens(store, { idleMs: 90 * DAY });
        })();
        const [refreshed] = await Promise.allSettled([refreshing, pruning]);
        const stored = await store.findTokenById(id);
        if (refreshed.status === "fulfilled") {
          outcomes.refreshed++;
          // What the caller got is what is stored.
          expect(stored?.refreshToken).toBe(refreshed.value.refreshToken);
          await store.deleteToken(id);
        } else {
          outcomes.pruned++;
          expect(refreshed.reason).toMatchObject({ code: "ERR_LOGIN_REQUIRED" });
          expect(stored).toBeNull();
        }
      }
      expect(Math.min(outcomes.refreshed, outcomes.pruned)).toBeGreaterThan(0);
      expect(outcomes.refreshed).toBe(issued);
      await tokens.close();
      await store.close();
    },
  );
});
