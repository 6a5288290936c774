import { appendFileSync, chmodSync } from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { LogFile } from "../dist/log-file.js";
import { lookAt } from "../dist/place.js";
import { TokenState } from "../dist/token-state.js";
import { newPath, saveSome } from "./helpers.js";

async function openSome() {
  const path = newPath();
  await saveSome(path, 3);
  const file = LogFile.open(path, "tokens", () => new TokenState(), undefined);
  expect(file.read()).toBe(true);
  return { path, file };
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
  const touch = () => {
    const before = lookAt(path)!.ctimeNs;
    while (lookAt(path)!.ctimeNs === before) chmodSync(path, 0o600); // the clock of files has a coarse hand
    return lookAt(path)!;
  };
  const touched = touch();
  vi.setSystemTime(Number(touched.ctimeMs) + 10);
  expect(file.isCurrent(touched)).toBe(false);
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(false);
  appendFileSync(path, '{"op":"'); // more of that write
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(true);
  vi.setSystemTime(Number(touch().ctimeMs) + 60);
  expect(file.read()).toBe(false);
  await file.close();
});
