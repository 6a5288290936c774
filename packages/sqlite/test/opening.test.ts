import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseTokenStore, Deadline } from "@tokenkeep/core/backend";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { drizzle } from "drizzle-orm/better-sqlite3";
import knex from "knex";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteBackend } from "../src/backend.js";
import { toStoreError } from "../src/errors.js";
import { checkOptions } from "../src/options.js";
import { STEPS } from "../src/schema.js";
import { firstValue, isOpen, openDatabase } from "./driver.mjs";

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
    const database = openDatabase(path);
    const levels: unknown[] = [];
    for (const synchronous of [undefined, "NORMAL"] as const) {
      const options = checkOptions({ path: join(folder, `${synchronous}.db`), synchronous });
      const backend = new SqliteBackend(options);
      await backend.open(new Deadline("sqlite", 10_000));
      // The pragma belongs to a connection: ask the one that the store opened.
      for (const pragma of ["synchronous", "journal_mode"])
        levels.push(backend.rows(`PRAGMA ${pragma}`)[0]?.[0]);
      backend.close();
    }
    database.close();
    expect(levels).toEqual([2, "wal", 1, "wal"]);
  });

  it("of a caller with synchronous=OFF gets one warning, and keeps its setting", async () => {
    const seen: Error[] = [];
    const listener = (warning: Error) => void seen.push(warning);
    process.on("warning", listener);
    const level = { FULL: 2, NORMAL: 1, OFF: 0 };
    for (const synchronous of ["FULL", "NORMAL", "OFF", "OFF"] as const) {
      const database = openDatabase(join(folder, `${synchronous}.db`));
      database.exec(`PRAGMA synchronous = ${synchronous}`);
      await use({ database });
      expect(Object.values(database.prepare("PRAGMA synchronous").all()[0] as object)).toEqual([
        level[synchronous],
      ]);
      database.close();
      await new Promise(setImmediate); // warnings come a tick later
      expect(seen).toHaveLength(synchronous === "OFF" ? 1 : 0);
    }
    process.off("warning", listener);
    expect(seen).toMatchObject([{ code: "TOKENKEEP_SQLITE_SYNCHRONOUS" }]);
    expect(seen[0]?.message).toContain("PRAGMA synchronous = FULL");
  });

  it("that is no database is ERR_CORRUPT, and left as it was", async () => {
    const garbage = Buffer.from("this is a text and no database\n".repeat(500));
    writeFileSync(path, garbage);
    expect(await codeOf(() => use(path))).toBe("ERR_CORRUPT");
    expect(readFileSync(path).equals(garbage)).toBe(true);
  });

  it("that is damaged is ERR_CORRUPT", async () => {
    const database = openDatabase(path);
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
    const database = openDatabase(path);
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
    // The superuser may write everywhere, so a child gives up its rights where it has them.
    chmodSync(folder, 0o555);
    const program = `
      // Everything is loaded first: afterwards, the modules may be in a directory that can't be read.
      const { SqliteTokenStore } = await import(${JSON.stringify(import.meta.resolve("@tokenkeep/sqlite"))});
      const memory = new SqliteTokenStore(":memory:");
      await memory.getTokens();
      await memory.close();
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      const store = new SqliteTokenStore(${JSON.stringify(path)});
      console.log(await store.getTokens().catch((error) => error.code));`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    chmodSync(folder, 0o755);
    expect(out.trim()).toBe("ERR_PERMISSION");
  });
});

describe('open: "existing"', () => {
  it("creates nothing where there is nothing", async () => {
    expect(await codeOf(() => use({ path, open: "existing" }))).toBe("ERR_SCHEMA");
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "");
    expect(await codeOf(() => use({ path, open: "existing" }))).toBe("ERR_SCHEMA");
    expect(readFileSync(path).length).toBe(0);
  });

  it("opens what is there", async () => {
    await use(path);
    const store = new SqliteTokenStore({ path, open: "existing" });
    expect(await store.findToken(token)).toMatchObject({ revision: 1 });
    await store.close();
  });
});

it("a symbolic link to a missing file creates that file", async () => {
  const target = join(folder, "target.db");
  symlinkSync(target, path);
  await use(path);
  expect(statSync(target).mode & 0o777).toBe(0o600);
});

it("compacts the file so that replaced values are gone from it", async () => {
  const backend = new SqliteBackend(checkOptions(path));
  const store = new BaseTokenStore(backend);
  await store.saveToken({ ...token, accessToken: "an-old-access-token" });
  await store.saveToken({ ...token, accessToken: "a-new-access-token" });
  await backend.compact(new Deadline("sqlite", 10_000));
  expect(readFileSync(path).includes("an-old-access-token")).toBe(false);
  expect(readFileSync(`${path}-wal`).length).toBe(0);
  await store.close();
});

describe("the schema", () => {
  it("of a newer version is ERR_SCHEMA, untouched", async () => {
    await use(path);
    const newer = openDatabase(path);
    newer.exec(`UPDATE tokenkeep_meta SET value = ${STEPS.length + 1} WHERE name = 'version'`);
    newer.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    newer.close();
    const before = readFileSync(path);
    expect(await codeOf(() => use(path))).toBe("ERR_SCHEMA");
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe("a database that the caller opened", () => {
  it("keeps its tables and pragmas, and is not closed", async () => {
    const database = openDatabase(path, { bigints: true });
    database.exec("CREATE TABLE customers (name TEXT)");
    await use({ database });
    expect(isOpen(database)).toBe(true);
    expect(firstValue(database, "PRAGMA journal_mode")).toBe("delete");
    const second = new SqliteTokenStore({ database });
    expect(await second.findToken(token)).toMatchObject({ revision: 1 });
    await second.deleteTokens();
    expect(firstValue(database, "SELECT name FROM sqlite_schema WHERE name = 'customers'")).toBe("customers");
    database.close();
  });
});

describe("a locked database", () => {
  it("is ERR_UNAVAILABLE when the time is over, and meanwhile the event loop goes on", async () => {
    await use(path);
    const holder = openDatabase(path);
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

describe("a better-sqlite3 that can't be loaded is not retryable, and the message has the command", () => {
  const refusal = {
    code: "ERR_UNAVAILABLE",
    retryable: false,
    message: expect.stringContaining("npm rebuild better-sqlite3"),
  };

  it("without what its install script compiles", () => {
    const error = new Error("Could not locate the bindings file. Tried:\n → build/better_sqlite3.node");
    expect(toStoreError(error)).toMatchObject(refusal);
  });

  it("compiled for another Node", () => {
    const binary = join(folder, "better_sqlite3.node");
    writeFileSync(binary, "of another Node");
    let error: unknown;
    try {
      process.dlopen({ exports: {} }, binary);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "ERR_DLOPEN_FAILED" });
    expect(toStoreError(error)).toMatchObject(refusal);
  });
});

it.runIf(process.versions.node.startsWith("20."))(
  "better-sqlite3 13 is refused on Node 20, which it crashes",
  async () => {
    vi.resetModules();
    vi.doMock("better-sqlite3", () => ({
      default: class {
        explain() {}
      },
    }));
    const { openDatabase: open } = await import("../src/connection.js");
    await expect(open(":memory:", "create")).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      retryable: false,
      message: expect.stringContaining("npm install better-sqlite3@12"),
    });
    vi.doUnmock("better-sqlite3");
  },
);

it("an error of node:sqlite without a number, as Deno's exec throws it, is told apart by its text", () => {
  const error = Object.assign(new Error("database is locked"), { code: "ERR_SQLITE_ERROR" });
  expect(toStoreError(error)).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
});

it.each([
  [{}],
  [{ path: "a", database: {} }],
  [{ path: "" }],
  [{ path: "a", synchronous: "OFF" }],
  [{ file: "a" }],
  [undefined],
  [" :memory:"],
  ["tokens.db "],
  ["file:tokens.db"],
  [{ path: undefined }],
  [{ database: { client: "knex" } }],
  [{ path: "a", open: "read" }],
])("refuses the options %j", (options) => {
  expect(() => new SqliteTokenStore(options as never)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
  );
});

it.each([
  ["a knex handle", knex({ client: "better-sqlite3", useNullAsDefault: true }), "knex"],
  ["a drizzle handle", drizzle.mock(), "the driver's own handle"],
  ["a database that is closed", closedDatabase(), "Open it first"],
])("%s is refused, and the message says what to do", (_name, database, advice) => {
  const make = () => new SqliteTokenStore({ database } as never);
  expect(make).toThrowError(expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }));
  expect(make).toThrowError(advice);
});

function closedDatabase(): unknown {
  const database = openDatabase(":memory:");
  database.close();
  return database;
}
