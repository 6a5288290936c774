import { appendFileSync, type BigIntStats, chmodSync } from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { encodeLine } from "../dist/line.js";
import { LogFile } from "../dist/log-file.js";
import { lookAt } from "../dist/place.js";
import { TokenState } from "../dist/token-state.js";
import { linesOf, newPath, saveSome } from "./helpers.js";

const open = (path: string) => LogFile.open(path, "tokens", () => new TokenState(), undefined);

async function openSome() {
  const path = newPath();
  await saveSome(path, 3);
  const file = open(path);
  expect(file.read()).toBe(true);
  return { path, file };
}

/** Gives the file another time and no more. */
function touch(path: string): BigIntStats {
  const before = lookAt(path)!.ctimeNs;
  while (lookAt(path)!.ctimeNs === before) chmodSync(path, 0o600); // the clock of files has a coarse hand
  return lookAt(path)!;
}

it("a file that is closed is at no path: its inode may be another's by now", async () => {
  const { path, file } = await openSome();
  expect(file.isAt(lookAt(path))).toBe(true);
  await file.close();
  expect(file.isAt(lookAt(path))).toBe(false);
});

it("a new time without a new size is a write that is under way, or else a change", async () => {
  const { path, file } = await openSome();
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const touched = touch(path);
  vi.setSystemTime(Number(touched.ctimeMs) + 10);
  expect(file.isCurrent(touched)).toBe(false);
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(false);
  appendFileSync(path, '{"op":"'); // more of that write
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(true);
  vi.setSystemTime(Number(touch(path).ctimeMs) + 60);
  expect(file.read()).toBe(false);
  await file.close();
});

it("a file that was sealed is as it will stay, whatever time it has", async () => {
  const { path, file: whole } = await openSome();
  await whole.close();
  const record = JSON.parse(linesOf(path)[1]!).record;
  const large = { ...record, id: "large", refresh_token: "x".repeat(60_000) };
  for (let n = 0; n < 5; n++)
    appendFileSync(path, encodeLine({ op: "put", namespace: "", record: large, previous: "none" }));
  appendFileSync(path, encodeLine({ op: "seal" }));
  const file = open(path);
  expect(file.readPiece()).toBe("more");
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  vi.setSystemTime(Number(touch(path).ctimeMs) + 10);
  expect(file.read()).toBe(true);
  expect([file.isSealed, file.isSettled]).toEqual([true, true]); // else a save would wait for ever
  await file.close();
});
