import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, onTestFinished } from "vitest";
import { FileTokenStore } from "../dist/index.js";

const directories: string[] = [];

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A new directory. It is deleted after the tests of this file. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-"));
  directories.push(directory);
  return directory;
}

/** A path in a new directory. */
export const newPath = (name = "tokens.jsonl"): string => join(newDirectory(), name);

export const linesOf = (path: string): string[] => readFileSync(path, "utf8").split("\n").slice(0, -1);

/** The names of the other files in its directory. */
export const siblings = (path: string): string[] =>
  readdirSync(dirname(path))
    .filter((name) => name !== basename(path))
    .sort();

export async function saveSome(path: string, count: number): Promise<void> {
  await using store = new FileTokenStore(path);
  for (let n = 0; n < count; n++) await store.saveToken({ id: `id-${n}`, refreshToken: `refresh-${n}` });
}

/** Saves `a` until the next save will be followed by a compaction. */
export async function fillUntilDue(path: string): Promise<void> {
  await using store = new FileTokenStore(path);
  for (const id of ["a", "b", "child"]) await store.saveToken({ id, refreshToken: id });
  while (linesOf(path).length < 2 * 4 + 256 - 1) await store.saveToken({ id: "a", refreshToken: "a" });
}

export interface Running {
  readonly child: ChildProcess;
  readonly lines: () => string[];
  readonly ended: Promise<unknown>;
}

/** A child process of a script in this folder. */
export function start(script: string, args: string[], env: Record<string, string> = {}): Running {
  const hook =
    "DISRUPT" in env ? ["--import", fileURLToPath(new URL("disruption-hook.mjs", import.meta.url))] : [];
  const file = fileURLToPath(new URL(script, import.meta.url));
  return watch(spawn(process.execPath, [...hook, file, ...args], options(env)));
}

export function startCommand(command: string, args: string[]): Running {
  return watch(spawn(command, args, options({})));
}

function options(env: Record<string, string>) {
  return {
    stdio: ["ignore", "pipe", "inherit"] as ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  };
}

function watch(child: ChildProcess): Running {
  let text = "";
  child.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  return { child, lines: () => text.split("\n").slice(0, -1), ended: once(child, "close") };
}

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 3000) throw new Error(`timed out waiting until ${what}`);
    await sleep(10);
  }
}

/** The names of the steps of `steps.mjs`. */
export async function stepsOf(what: string, path: string, kind = "count"): Promise<string[]> {
  const file = `${newPath()}.steps`;
  await start("steps.mjs", [what, path], { DISRUPT: kind, DISRUPT_FILE: file }).ended;
  if (!existsSync(file)) throw new Error("steps.mjs failed");
  return readFileSync(file, "utf8").split("\n");
}

/** Runs `work` for each item, three at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all([worker(), worker(), worker()]);
}

/** Writes a file that the store accepts. */
export const writePrivate = (path: string, text: string | Buffer): void =>
  writeFileSync(path, text, { mode: 0o600 });

/** The warnings of this process from now on. */
export function warnings(): string[] {
  const seen: string[] = [];
  const listen = (warning: Error & { code?: string }) => seen.push(`${warning.code}: ${warning.message}`);
  process.on("warning", listen);
  onTestFinished(() => void process.off("warning", listen));
  return seen;
}

/** Saves so often that the file is compacted. */
export async function saveOften(store: FileTokenStore, id: string): Promise<void> {
  for (let n = 0; n < 400; n++) await store.saveToken({ id, refreshToken: id, accessToken: `${id}-${n}` });
}
