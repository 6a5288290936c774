import { appendFileSync, type BigIntStats, chmodSync } from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { RecordState } from "../dist/backend.js";
import { statAt } from "../dist/log/files.js";
import { encodeLine } from "../dist/log/line.js";
import { LogFile } from "../dist/log/log-file.js";
import { linesOf, newPath, saveSome } from "./helpers.js";

const open = (path: string) => LogFile.open(path, "tokens", () => new RecordState(), undefined);

async function openSome() {
  const path = newPath();
  await saveSome(path, 3);
  const file = open(path);
  expect(file.read()).toBe(true);
  return { path, file };
}

/** Changes the time of the file and nothing else. */
function touch(path: string): BigIntStats {
  const before = statAt(path)!.ctimeNs;
  while (statAt(path)!.ctimeNs === before) chmodSync(path, 0o600); // File times are coarse.
  return statAt(path)!;
}

it("a closed file is at no path: another file may have its inode by now", async () => {
  const { path, file } = await openSome();
  expect(file.isAt(statAt(path))).toBe(true);
  await file.close();
  expect(file.isAt(statAt(path))).toBe(false);
});

it("a new time without a new size is a write in progress, or else a change", async () => {
  const { path, file } = await openSome();
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const touched = touch(path);
  vi.setSystemTime(Number(touched.ctimeMs) + 10);
  expect(file.isCurrent(touched)).toBe(false);
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(false);
  appendFileSync(path, '{"op":"'); // The rest of that write.
  expect(file.read()).toBe(true);
  expect(file.isSettled).toBe(true);
  vi.setSystemTime(Number(touch(path).ctimeMs) + 60);
  expect(file.read()).toBe(false);
  await file.close();
});

it("a sealed file does not change any more, whatever its time", async () => {
  const { path, file: whole } = await openSome();
  await whole.close();
  const record = JSON.parse(linesOf(path)[1]!).record;
  const large = { ...record, id: "large", refreshToken: "x".repeat(60_000) };
  for (let n = 0; n < 5; n++)
    appendFileSync(path, encodeLine({ op: "put", namespace: "", record: large, previous: "none" }));
  appendFileSync(path, encodeLine({ op: "seal" }));
  const file = open(path);
  expect(file.readChunk()).toBe("more");
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  vi.setSystemTime(Number(touch(path).ctimeMs) + 10);
  expect(file.read()).toBe(true);
  expect([file.isSealed, file.isSettled]).toEqual([true, true]); // Otherwise a save would wait for ever.
  await file.close();
});
