import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STEPS } from "../src/schema.js";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tokenkeep-sqlite-"));
  path = join(folder, "tokens.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const token = { userSignature: { name: "ann" }, refreshToken: "r" };

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().catch((reason: unknown) => reason);
  return (error as { code: string }).code;
}

/** Opens the store, saves, closes: rejects with what is wrong with the file. */
async function use(options: ConstructorParameters<typeof SqliteTokenStore>[0]): Promise<void> {
  const store = new SqliteTokenStore(options);
  try {
    await store.saveToken(token);
  } finally {
    await store.close();
  }
}

describe("the file", () => {
  it("is for its owner alone, with what SQLite puts beside it", async () => {
    const store = new SqliteTokenStore(path);
    await store.saveToken(token);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("commits to the disk unless told otherwise", async () => {
    const database = new Database(path);
    const levels: unknown[] = [];
    for (const synchronous of [undefined, "NORMAL"] as const) {
      // the pragma is a connection's own: ask through one that the store opened
      const { openDatabase } = await import("../src/open.js");
      const opened = openDatabase(join(folder, `${synchronous}.db`), synchronous ?? "FULL");
      levels.push(
        opened.pragma("synchronous", { simple: true }),
        opened.pragma("journal_mode", { simple: true }),
      );
      opened.close();
    }
    database.close();
    expect(levels).toEqual([2, "wal", 1, "wal"]);
  });

  it("that is no database is ERR_CORRUPT, and left as it was", async () => {
    const garbage = Buffer.from("this is a text and no database\n".repeat(500));
    writeFileSync(path, garbage);
    expect(await codeOf(() => use(path))).toBe("ERR_CORRUPT");
    expect(readFileSync(path).equals(garbage)).toBe(true);
  });

  it("that is damaged is ERR_CORRUPT", async () => {
    const database = new Database(path);
    database.close();
    await use(path);
    const bytes = readFileSync(path);
    bytes.fill(0xff, 100, 4096); // the first page, behind the header: the schema
    writeFileSync(path, bytes);
    rmSync(`${path}-wal`, { force: true });
    expect(await codeOf(() => use(path))).toBe("ERR_CORRUPT");
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it("of another program is ERR_SCHEMA, and left as it was", async () => {
    const database = new Database(path);
    database.exec("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('x')");
    database.close();
    const before = readFileSync(path);
    expect(await codeOf(() => use(path))).toBe("ERR_SCHEMA");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("in a directory that is not there is ERR_INVALID_OPTIONS; a directory too", async () => {
    expect(await codeOf(() => use(join(folder, "no", "tokens.db")))).toBe("ERR_INVALID_OPTIONS");
    mkdirSync(path);
    expect(await codeOf(() => use(path))).toBe("ERR_INVALID_OPTIONS");
  });

  it("in a directory that can't be written is ERR_PERMISSION", () => {
    // the superuser may write everywhere, so a child gives its rights up first where it has them
    chmodSync(folder, 0o555);
    const program = `
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      const { SqliteTokenStore } = await import(${JSON.stringify(import.meta.resolve("@tokenkeep/sqlite"))});
      const store = new SqliteTokenStore(${JSON.stringify(path)});
      console.log(await store.getTokens().catch((error) => error.code));`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    chmodSync(folder, 0o755);
    expect(out.trim()).toBe("ERR_PERMISSION");
  });
});

describe("the schema", () => {
  it("of an older version is brought up, with every record", async () => {
    await use(path);
    const old = new Database(path);
    old.exec("DROP TABLE tokenkeep_leases; DELETE FROM tokenkeep_meta WHERE name = 'fence'");
    old.exec("UPDATE tokenkeep_meta SET value = 1 WHERE name = 'version'");
    old.close();
    const store = new SqliteTokenStore(path);
    expect(await store.findToken(token)).toMatchObject({ revision: 1, refreshToken: "r" });
    expect(await store.withLock("k", ({ fence }) => fence)).toBe(1);
    await store.close();
  });

  it("of a newer version is ERR_SCHEMA, untouched", async () => {
    await use(path);
    const newer = new Database(path);
    newer.prepare("UPDATE tokenkeep_meta SET value = ? WHERE name = 'version'").run(STEPS.length + 1);
    newer.pragma("wal_checkpoint(TRUNCATE)");
    newer.close();
    const before = readFileSync(path);
    expect(await codeOf(() => use(path))).toBe("ERR_SCHEMA");
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe("a database that the caller opened", () => {
  it("keeps its tables and pragmas, and is not closed", async () => {
    const database = new Database(path);
    database.exec("CREATE TABLE customers (name TEXT)");
    database.defaultSafeIntegers(true);
    await use({ database });
    expect(database.open).toBe(true);
    expect(database.pragma("journal_mode", { simple: true })).toBe("delete");
    const second = new SqliteTokenStore({ database });
    expect(await second.findToken(token)).toMatchObject({ revision: 1 });
    await second.deleteTokens();
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'customers'").get()).toBeDefined();
    database.close();
  });
});

describe("a locked database", () => {
  it("is ERR_UNAVAILABLE when the time is over, and meanwhile the event loop goes on", async () => {
    await use(path);
    const holder = new Database(path);
    holder.exec("BEGIN IMMEDIATE");
    const store = new SqliteTokenStore({ path, timeoutMs: 300 });
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    const error = await store.saveToken(token).catch((reason: unknown) => reason);
    clearInterval(ticking);
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
    expect(ticks).toBeGreaterThan(2);
    holder.exec("ROLLBACK");
    // a busy machine's disk may need longer than this store waits
    const saved = await vi.waitFor(() => store.saveToken(token), { timeout: 20_000 });
    expect(saved.revision).toBeGreaterThan(1);
    await store.close();
    holder.close();
  });
});

it.each([
  [{}],
  [{ path: "a", database: {} }],
  [{ path: "" }],
  [{ path: "a", synchronous: "OFF" }],
  [{ file: "a" }],
])("refuses the options %j", (options) => {
  expect(() => new SqliteTokenStore(options as never)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
  );
});
