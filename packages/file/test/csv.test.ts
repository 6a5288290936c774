import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { besides, linesOf, newPath, start, writeLog } from "./helpers.js";

const MAIL =
  "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";
const NAME = MAIL.replace("user_mail", "user_name");
const PYTHON = `${NAME.replace("redirect_url", "redirect_uri")},api_domain`;
const ROW = "7,ann@example.com,client,secret,refresh,access,grant,1700000000000,https://a.example";

const token = {
  id: "7",
  userSignature: { name: "ann@example.com" },
  clientId: "client",
  clientSecret: "secret",
  refreshToken: "refresh",
  accessToken: "access",
  grantToken: "grant",
  expiresAt: 1700000000000,
  redirectUrl: "https://a.example",
  apiDomain: "https://api.example",
};

async function importOf(path: string, csv: string | Buffer) {
  writeLog(path, csv);
  await using store = new FileTokenStore(path);
  const tokens = (await store.getTokens()).map((found) => found.toPlain());
  const [original, problems] = besides(path);
  expect(readFileSync(join(dirname(path), original!))).toEqual(Buffer.from(csv));
  return {
    tokens,
    problems: problems === undefined ? "" : readFileSync(join(dirname(path), problems), "utf8"),
  };
}

describe("a CSV file of Zoho's SDK", () => {
  it.each([
    ["TypeScript", `${MAIL},api_domain\n${ROW},https://api.example`],
    ["Node.js", `${NAME},api_domain\n${ROW},https://api.example`],
    ["TypeScript, before api_domain", `${MAIL}\n${ROW}`],
    ["Node.js, before api_domain", `${NAME}\n${ROW}`],
    ["Python", `${PYTHON}\r\n${ROW},https://api.example\r\n`],
    ["Python, quoted", `${PYTHON}\r\n"${ROW.replaceAll(",", '","')}","https://api.example"\r\n`],
    ["with a byte order mark", `\uFEFF${MAIL},api_domain\n${ROW},https://api.example`],
    ["with CRLF and a newline at the end", `${MAIL},api_domain\r\n${ROW},https://api.example\r\n\r\n`],
  ])("%s: has the same records, and is kept byte for byte", async (name, csv) => {
    const { tokens, problems } = await importOf(newPath(), csv);
    const apiDomain = name.includes("before") ? null : token.apiDomain;
    expect(tokens).toEqual([{ ...token, apiDomain, revision: 1 }]);
    expect(problems).toBe("");
  });

  it("keeps what quotes enclose, and gives the absent as null", async () => {
    const name = 'Ann "the one"\r\nof Köln, 你好 🎉';
    const row = `1,"${name.replaceAll('"', '""')}",,,refresh,,,,,`;
    const { tokens } = await importOf(newPath(), `${PYTHON}\r\n${row}\r\n`);
    expect(tokens[0]).toMatchObject({ userSignature: { name }, clientId: null, expiresAt: null, id: "1" });
  });

  it("has one record for old duplicates, the newest value winning", async () => {
    const rows = [
      "1,a@b.c,client,secret,r1,a1,g1,1700000000000,",
      "2,a@b.c,client,secret,r2,a2,,1800000000000,",
      "3,a@b.c,other,secret,r3,a3,,1700000000000,",
      "4,a@b.c,client,secret,r4,a4,,1750000000000,",
    ];
    const { tokens, problems } = await importOf(newPath(), [MAIL, ...rows].join("\n"));
    expect(problems).toBe("");
    expect(tokens.map(({ id }) => id)).toEqual(["1", "3"]);
    expect(tokens[0]).toMatchObject({ refreshToken: "r2", accessToken: "a2", grantToken: "g1" });
  });

  it("has what can't be read listed by line, without a secret, and the rest imported", async () => {
    const invalid = Buffer.concat([
      Buffer.from("5,b@b.c,client,secret,r5,"),
      Buffer.from([0xff]),
      Buffer.from(",,1,"),
    ]);
    const csv = Buffer.concat([
      Buffer.from(
        `${MAIL}\n${ROW}\nSECRET\n2,a@b.c,client,SEC,RET,r2,a2,,1700000000000,\n\n3,a@b.c,c,s,,,,,\n`,
      ),
      Buffer.from("4,d@b.c,client,secret,r4,a4,,soon,\n"),
      invalid,
      Buffer.from("\n6,other@example.com,client,secret,refresh,a6,,1,\n"),
    ]);
    const { tokens, problems } = await importOf(newPath(), csv);
    expect(tokens.map(({ id }) => id)).toEqual(["7"]);
    expect(problems.split("\n").map((line) => line.split(":")[0])).toEqual([
      ...["line 3", "line 4", "line 6", "line 7", "line 8", "line 9"],
      "",
    ]);
    expect(problems).not.toMatch(/SECRET|SEC|RET|r4|refresh,/);
  });

  it("with no row is a log with no record, and takes saves", async () => {
    const path = newPath();
    const { tokens } = await importOf(path, MAIL);
    expect(tokens).toEqual([]);
    await using store = new FileTokenStore(path);
    await store.saveToken({ refreshToken: "r" });
    expect(await store.getTokens()).toHaveLength(1);
  });

  it("with a header that is not Zoho's is refused and left as it is", async () => {
    const path = newPath();
    const csv = `${MAIL},token_of_somebody\n${ROW},x`;
    writeLog(path, csv);
    await using store = new FileTokenStore(path);
    const error = await store.getTokens().catch((caught) => caught);
    expect(error).toMatchObject({ code: "ERR_CORRUPT" });
    expect(String(error)).not.toContain("token_of_somebody");
    expect(readFileSync(path, "utf8")).toBe(csv);
    expect(besides(path)).toEqual([]);
  });

  it("is imported into the namespace that opens it", async () => {
    const path = newPath();
    writeLog(path, `${MAIL}\n${ROW}`);
    await using own = new FileTokenStore({ path, namespace: "own" });
    expect(await own.getTokens()).toHaveLength(1);
    await using other = new FileTokenStore(path);
    expect(await other.getTokens()).toHaveLength(0);
  });

  it("that others can read is refused, or imported with its mode where that is allowed", async () => {
    const path = newPath();
    writeLog(path, `${MAIL}\n${ROW}`);
    chmodSync(path, 0o644);
    await using refused = new FileTokenStore(path);
    await expect(refused.getTokens()).rejects.toMatchObject({ code: "ERR_PERMISSION" });
    expect(besides(path)).toEqual([]);
    await using store = new FileTokenStore({ path, allowOthers: true });
    expect(await store.getTokens()).toHaveLength(1);
    for (const name of readdirSync(dirname(path))) {
      expect(statSync(join(dirname(path), name)).mode & 0o777, name).toBe(0o644);
    }
  });

  it("copied back over the log is imported anew: the records are those of the CSV", async () => {
    const path = newPath();
    const csv = `${MAIL}\n${ROW}`;
    for (let round = 0; round < 2; round++) {
      writeLog(path, csv);
      await using store = new FileTokenStore(path);
      expect((await store.getTokens()).map(({ id, revision }) => [id, revision])).toEqual([["7", 1]]);
      await store.saveToken({ id: "7", accessToken: "newer" });
      await store.saveToken({ id: "8", refreshToken: "another" });
    }
    expect(besides(path)).toHaveLength(1);
  });

  it("is not imported where its original can't be kept: another file has that name", async () => {
    const path = newPath();
    const csv = `${MAIL}\n${ROW}`;
    await importOf(path, csv);
    const [original] = besides(path);
    writeFileSync(join(dirname(path), original!), "something else");
    writeLog(path, csv);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({
      message: expect.stringContaining("Move it away"),
    });
    expect(readFileSync(path, "utf8")).toBe(csv);
  });

  it("is imported once when twenty processes open it at the same time, each of which saves", async () => {
    const path = newPath();
    const rows = Array.from({ length: 200 }, (_, n) => `${n},u${n}@b.c,client,secret,r${n},a${n},,1,`);
    const csv = [MAIL, ...rows, "broken"].join("\n");
    writeLog(path, csv);
    const ids = Array.from({ length: 20 }, (_, n) => `process-${n}`);
    const runs = ids.map((id) => start("writer.mjs", [path, id, "3"], { NODE_NO_WARNINGS: "1" }));
    await Promise.all(runs.map((run) => run.ended));
    for (const run of runs) expect(run.lines()).toEqual(["1", "2", "3"]);
    await using store = new FileTokenStore(path);
    expect(await store.getTokens()).toHaveLength(220);
    const [original, problems, ...others] = besides(path);
    expect(readFileSync(join(dirname(path), original!), "utf8")).toBe(csv);
    expect(readFileSync(join(dirname(path), problems!), "utf8")).toMatch(/^line 202: /);
    expect(others).toEqual([]);
    expect(linesOf(path).length).toBe(1 + 200 + 60);
  }, 60_000);
});
