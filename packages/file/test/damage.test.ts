import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";

const newPath = (): string => join(mkdtempSync(join(tmpdir(), "tokenkeep-")), "tokens.jsonl");

async function saveSome(path: string, count: number): Promise<void> {
  await using store = new FileTokenStore(path);
  for (let n = 0; n < count; n++) await store.saveToken({ id: `id-${n}`, refreshToken: `refresh-${n}` });
}

describe("a damaged file", () => {
  it("keeps every whole line, whatever byte it ends at, and takes new saves", async () => {
    const path = newPath();
    await saveSome(path, 2);
    const whole = readFileSync(path);
    const first = whole.indexOf(10) + 1;
    for (let end = first; end <= whole.length; end++) {
      const cut = newPath();
      writeFileSync(cut, whole.subarray(0, end), { mode: 0o600 });
      await using store = new FileTokenStore(cut);
      const lines = whole.subarray(0, end).toString().split("\n").length - 2;
      expect(await store.getTokens()).toHaveLength(lines);
      await store.saveToken({ id: "new", refreshToken: "new" });
      await using again = new FileTokenStore(cut);
      expect((await again.getTokens()).length).toBe(lines + 1);
    }
  });

  it("takes the line that a writer put behind a torn one that it had not seen", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const [head, line] = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${head}\n${line!.slice(0, 40)}${line}\n`);
    await using store = new FileTokenStore(path);
    expect(await store.findTokenById("id-0")).not.toBeNull();
  });

  it("refuses garbage in the middle with its line, and changes nothing", async () => {
    const path = newPath();
    await saveSome(path, 3);
    const text = readFileSync(path, "utf8").replace("refresh-1", "refresh-X");
    writeFileSync(path, text);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({
      code: "ERR_CORRUPT",
      message: expect.stringContaining("line 3"),
    });
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("refuses garbage at the end, and a foreign file, and changes nothing", async () => {
    const path = newPath();
    await saveSome(path, 1);
    appendFileSync(path, "garbage\n");
    const text = readFileSync(path, "utf8");
    await using store = new FileTokenStore(path);
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(path, "utf8")).toBe(text);
    const foreign = newPath();
    writeFileSync(foreign, "hello\nworld\n", { mode: 0o600 });
    await using other = new FileTokenStore(foreign);
    await expect(other.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(foreign, "utf8")).toBe("hello\nworld\n");
  });
});

describe("a store that is open", () => {
  it("meets damage, and works again once the line is out", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    const good = readFileSync(path, "utf8");
    appendFileSync(path, "garbage\n");
    await expect(store.findTokenById("a")).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    writeFileSync(path, good);
    expect(await store.findTokenById("a")).not.toBeNull();
    await store.saveToken({ id: "b", refreshToken: "b" });
    expect(await store.getTokens()).toHaveLength(2);
  });
});

describe("the file", () => {
  it("is the owner's alone, and refused where others can read it", async () => {
    const path = join(newPath(), "..", "made", "tokens.jsonl");
    await saveSome(path, 1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
    chmodSync(path, 0o644);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_PERMISSION" });
    await using allowed = new FileTokenStore({ path, allowOthers: true });
    expect(await allowed.getTokens()).toHaveLength(1);
  });

  it("is one by a symbolic link too, also after a compaction", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const link = newPath();
    symlinkSync(path, link);
    await using byLink = new FileTokenStore(link);
    await using direct = new FileTokenStore(path);
    for (let n = 0; n < 400; n++) await byLink.saveToken({ id: "id-0", accessToken: `a-${n}` });
    expect(readFileSync(path, "utf8").split("\n").length).toBeLessThan(400);
    expect(await direct.findToken({ accessToken: "a-399" })).not.toBeNull();
  });
});

describe("a CSV file of Zoho's SDK", () => {
  const csv =
    "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain\n1,a@b.c,client,secret,r1,a1,,1700000000000,,\nbroken\n2,d@e.f,client,secret,r2,a2,,1700000000000,,";

  it("is imported once by many at the same time, the original kept and broken lines told", async () => {
    const path = newPath();
    writeFileSync(path, csv, { mode: 0o600 });
    const stores = [1, 2, 3].map(() => new FileTokenStore(path));
    const found = await Promise.all(stores.map((store) => store.getTokens()));
    expect(found.map((tokens) => tokens.map((token) => token.id).sort())).toEqual([
      ["1", "2"],
      ["1", "2"],
      ["1", "2"],
    ]);
    await Promise.all(stores.map((store) => store.close()));
    const names = readdirSync(join(path, ".."));
    const kept = names.find((name) => name.endsWith(".csv"))!;
    expect(readFileSync(join(path, "..", kept), "utf8")).toBe(csv);
    const problems = names.find((name) => name.endsWith(".problems.txt"))!;
    expect(readFileSync(join(path, "..", problems), "utf8")).toContain("line 3");
  });
});
