import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";

const script = fileURLToPath(new URL("writer.mjs", import.meta.url));
const newPath = (): string => join(mkdtempSync(join(tmpdir(), "tokenkeep-")), "tokens.jsonl");

function start(command: string, args: string[]) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const lines = (): string[] => text.split("\n").slice(0, -1);
  return { child, lines, last: () => lines().at(-1) ?? "0", ended: once(child, "close") };
}
const write = (path: string, id: string, count: number) =>
  start(process.execPath, [script, path, id, String(count)]);

describe("many processes", () => {
  it("lose no save to compactions, to a stopped process that goes on, or to a kill", async () => {
    const path = newPath();
    const writers = ["a", "b", "c", "d"].map((id) => write(path, id, 600));
    const [, , stopped, killed] = writers as [unknown, unknown, (typeof writers)[0], (typeof writers)[0]];
    await Promise.all(writers.map((writer) => once(writer.child.stdout, "data")));
    const nap = setInterval(() => {
      stopped.child.kill("SIGSTOP");
      setTimeout(() => stopped.child.kill("SIGCONT"), 15);
    }, 30);
    setTimeout(() => killed.child.kill("SIGKILL"), 300);
    await Promise.all(writers.map((writer) => writer.ended));
    clearInterval(nap);
    await using store = new FileTokenStore(path);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      expect(writers[index]!.last()).toBe("600");
      expect((await store.findTokenById(id))?.revision).toBe(600);
    }
    expect((await store.findTokenById("d"))?.revision).toBeGreaterThanOrEqual(Number(killed.last()));
    expect(readFileSync(path, "utf8").split("\n").length).toBeLessThan(700);
  });

  it("tells a file that can't grow, keeps what was acknowledged, and goes on once there is room", async () => {
    const path = newPath();
    // 16 blocks of 1,024 bytes at most in each file
    const limited = start("bash", [
      "-c",
      'trap "" XFSZ; ulimit -f 16; exec "$0" "$@"',
      process.execPath,
      script,
      path,
      "a",
      "600",
    ]);
    await limited.ended;
    const lines = limited.lines();
    expect(lines.at(-1)).toMatch(/^ERR_UNAVAILABLE (ENOSPC|EFBIG)$/);
    await using store = new FileTokenStore(path);
    const acknowledged = Number(lines.at(-2));
    expect(acknowledged).toBeGreaterThan(10);
    expect((await store.findTokenById("a"))?.revision).toBe(acknowledged);
    await store.saveToken({ id: "a", accessToken: "new" });
    await using again = new FileTokenStore(path);
    expect((await again.findTokenById("a"))?.revision).toBe(acknowledged + 1);
  });
});
