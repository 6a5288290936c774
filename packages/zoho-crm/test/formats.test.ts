import { describe, expect, it } from "vitest";
import { readZohoCsv } from "../src/formats/csv.js";
import { joinRows } from "../src/formats/join.js";
import { readZohoJson, readZohoRows } from "../src/formats/rows.js";

const HEADER =
  "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";

describe("readZohoCsv", () => {
  it("reads what the TypeScript SDK writes", () => {
    const { rows, problems } = readZohoCsv(`${HEADER}\n1,ada,c,s,r,a,,1700000000123,https://x,https://api`);
    expect(problems).toEqual([]);
    expect(rows[0]?.where).toBe("line 2");
    expect(rows[0]?.token.toPlain()).toMatchObject({
      id: "1",
      userSignature: { name: "ada" },
      clientId: "c",
      clientSecret: "s",
      refreshToken: "r",
      accessToken: "a",
      grantToken: null,
      expiresAt: 1700000000123,
      redirectUrl: "https://x",
      apiDomain: "https://api",
    });
  });

  it("reads user_name, nine columns, BOM, CRLF, blank lines and what the SDK makes of them", () => {
    const nine = HEADER.replace("user_mail", "user_name").replace(",api_domain", "");
    const { rows, problems } = readZohoCsv(
      `\uFEFF${nine}\n1,ada,c,s,r,a,,,\r\n\n,\n   \n2,bob,c,s,r2,,g,NaN,\n`,
    );
    expect(problems).toEqual([]);
    expect(rows.map(({ where, token }) => [where, token.userSignature?.name, token.expiresAt])).toEqual([
      ["line 2", "ada", null],
      ["line 6", "bob", null],
    ]);
    expect(rows[0]?.token.redirectUrl).toBeNull();
  });

  it("reads Python's quoting, also over several lines", () => {
    const python = HEADER.replace("user_mail", "user_name").replace("redirect_url", "redirect_uri");
    const { rows, problems } = readZohoCsv(
      `${python}\r\n1,"a, ""b""\r\nc",c,s,r,,,,https://x,\r\n2,"open,c,s,r2,,,,,\r\n3,d,c,s,r3,,,,,\r\n`,
    );
    expect(rows.map(({ where, token }) => [where, token.userSignature?.name])).toEqual([
      ["line 2", 'a, "b"\r\nc'],
      ["line 5", "d"],
    ]);
    expect(rows[0]?.token.redirectUrl).toBe("https://x");
    expect(problems).toEqual([{ where: "line 4", reason: expect.stringMatching(/quotation/) }]);
  });

  it("reads Java's files, with every value in quotes", () => {
    const header =
      '"id","user_name","client_id","client_secret","refresh_token","access_token","grant_token"';
    const { rows, problems } = readZohoCsv(
      `${header},"expiry_time","redirect_url","api_domain"\n` +
        '"1","ann@example.com:60001","1000.CLIENT","s3cret","1000.r1","1000.a1","1000.g1","1790000000000",' +
        '"https://app.example.com/cb","https://www.zohoapis.eu"\n' +
        '"2","bob, or ""Bob""","1000.CLIENT",,"1000.r2",,"",,,\n' +
        '"3","eve","1000.CLIENT","s","1000.r3"',
    );
    expect(rows.map(({ token }) => token.toPlain())).toMatchObject([
      {
        id: "1",
        userSignature: { name: "ann@example.com:60001" },
        clientId: "1000.CLIENT",
        clientSecret: "s3cret",
        refreshToken: "1000.r1",
        accessToken: "1000.a1",
        grantToken: "1000.g1",
        expiresAt: 1790000000000,
        redirectUrl: "https://app.example.com/cb",
        apiDomain: "https://www.zohoapis.eu",
      },
      { userSignature: { name: 'bob, or "Bob"' }, clientSecret: null, accessToken: null, grantToken: null },
    ]);
    expect(problems).toEqual([{ where: "line 4", reason: expect.stringContaining("5 values") }]);
  });

  it("reads the files of Ruby and Java 8, which quote only the values that need it", () => {
    const { rows, problems } = readZohoCsv(
      `${HEADER.replace("user_mail", "user_name")}\n1,"ann, of the office",c,s,r,a,"",1790000000000,https://x,""\n2,bob,c,"s""s",r2,,,,,\n`,
    );
    expect(problems).toEqual([]);
    expect(
      rows.map(({ token }) => [token.userSignature?.name, token.clientSecret, token.grantToken]),
    ).toEqual([
      ["ann, of the office", "s", null],
      ["bob", 's"s', null],
    ]);
  });

  it.each(["null", "undefined"])(
    "takes the word %s for an absent value, as several SDKs write it",
    (word) => {
      const { rows, problems } = readZohoCsv(
        `${HEADER}\n1,ada,c,s,r,a,${word},${word},${word},${word}\n2,bob,c,s,r2,a2,${word},,,\n3,${word},c,s,${word},${word},${word},,,`,
      );
      expect(
        rows.map(({ token: { grantToken, expiresAt, redirectUrl } }) => [grantToken, expiresAt, redirectUrl]),
      ).toEqual([
        [null, null, null],
        [null, null, null],
      ]);
      expect(joinRows(rows).problems).toEqual([]);
      expect(problems).toEqual([{ where: "line 4", reason: expect.stringContaining("no refresh token") }]);
    },
  );

  it("takes a quotation mark as it is where the SDK quotes nothing", () => {
    const { rows } = readZohoCsv(`${HEADER}\n1,"ada",c,s,r",,,,,`);
    expect(rows[0]?.token.userSignature?.name).toBe('"ada"');
    expect(rows[0]?.token.refreshToken).toBe('r"');
  });

  it("reports a line that can't be told apart, and shows no value of it", () => {
    const { rows, problems } = readZohoCsv(
      `${HEADER}\n1,a,b,c,s,SECRET,,,,,\n2,ada,c,s,SECRET\n3,ada,c,s,SECRET,,,soon,,\n4,ada,c,s,,,,,,\n5,bob,c,s,r,,,,,`,
    );
    expect(rows.map(({ where }) => where)).toEqual(["line 6"]);
    expect(problems.map(({ where }) => where)).toEqual(["line 2", "line 3", "line 4", "line 5"]);
    expect(JSON.stringify(problems)).not.toContain("SECRET");
  });

  it("reports a line whose bytes were no UTF-8 instead of taking what decoding made of them", () => {
    const bytes = Buffer.from(`${HEADER}\n1,J\u00fcrgen,c,s,r,,,,,\n2,ada,c,s,r2,,,,,`, "latin1");
    const { rows, problems } = readZohoCsv(bytes.toString("utf8"));
    expect(rows.map(({ where }) => where)).toEqual(["line 3"]);
    expect(problems).toEqual([{ where: "line 2", reason: "it is not UTF-8 text" }]);
  });

  it.each([
    ["a duplicate column", `${HEADER},id\n`],
    ["two names of one column", `${HEADER},user_name\n`],
    ["an unknown column", `${HEADER},colour\n`],
    ["no header", "1,ada,c,s,SECRET,a,,,,\n"],
  ])("refuses %s", (_what, text) => {
    expect(() => readZohoCsv(text)).toThrowError(expect.objectContaining({ code: "ERR_CORRUPT" }));
    expect(() => readZohoCsv(text)).not.toThrowError(/SECRET/);
  });

  it("finds nothing in an empty file and in one with a header alone", () => {
    expect(readZohoCsv("")).toEqual({ rows: [], problems: [] });
    expect(readZohoCsv(HEADER)).toEqual({ rows: [], problems: [] });
  });
});

describe("readZohoRows", () => {
  it("reads text, numbers, nulls, either name of the user, and passes over other columns", () => {
    const { rows, problems } = readZohoRows([
      { id: 5, user_mail: "ada", refresh_token: "r", expiry_time: 1700000000000n, colour: new Date(0) },
      { id: "6", user_name: "bob", user_mail: null, refresh_token: "r2", expiry_time: "1700000000001" },
    ]);
    expect(problems).toEqual([]);
    expect(rows.map(({ token }) => [token.id, token.userSignature?.name, token.expiresAt])).toEqual([
      ["5", "ada", 1700000000000],
      ["6", "bob", 1700000000001],
    ]);
  });

  it("reports a row with its number and id", () => {
    const { rows, problems } = readZohoRows([
      { id: "5", refresh_token: "r", expiry_time: "soon" },
      { id: "6", user_name: "a", user_mail: "b", refresh_token: "r" },
      { user_name: "junk" },
    ]);
    expect(rows).toEqual([]);
    expect(problems.map(({ where }) => where)).toEqual(['row 1 (id "5")', 'row 2 (id "6")', "row 3"]);
  });
});

describe("what the SDKs before 2020 wrote", () => {
  const row = {
    useridentifier: "ann@example.com",
    accesstoken: "a",
    refreshtoken: "r",
    expirytime: 1500000000000,
  };
  const client = { clientId: "1000.CLIENT", clientSecret: "s" };

  it.each([
    ["a row", row],
    ["a list", [row]],
    ["an object with a list", { tokens: [row] }],
    ["an object with a row per user", { "ann@example.com": row }],
  ])("reads JSON: %s", (_what, content) => {
    const { rows, problems } = readZohoJson(JSON.stringify(content), client);
    expect(problems).toEqual([]);
    expect(rows.map(({ token }) => token.toPlain())).toMatchObject([
      {
        id: null,
        userSignature: { name: "ann@example.com" },
        ...client,
        accessToken: "a",
        refreshToken: "r",
        expiresAt: 1500000000000,
      },
    ]);
  });

  it("asks for the client, which they did not keep", () => {
    const asking = expect.objectContaining({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringContaining("{ clientId, clientSecret }"),
    });
    expect(() => readZohoRows([row])).toThrowError(asking);
    expect(() => readZohoJson(JSON.stringify(row))).toThrowError(asking);
  });

  it("shows nothing of JSON that is damaged", () => {
    const damaged = () => readZohoJson('{ "refreshtoken": "SECRET" ');
    expect(damaged).toThrowError(expect.objectContaining({ code: "ERR_CORRUPT" }));
    expect(damaged).not.toThrowError(/SECRET/);
  });

  it("gives a client's secret to no other client", () => {
    const { rows } = readZohoRows([{ ...row, client_id: "1000.OTHER" }], client);
    expect(rows[0]?.token).toMatchObject({ clientId: "1000.OTHER", clientSecret: null });
  });
});

describe("joinRows", () => {
  const join = (...rows: Record<string, unknown>[]) => joinRows(readZohoRows(rows).rows);

  it("makes one record of a user's rows: the newest value, the first id, nothing lost", () => {
    const { tokens, problems } = join(
      {
        id: "1",
        user_name: "ada",
        client_id: "c",
        refresh_token: "r1",
        access_token: "a1",
        expiry_time: "30",
      },
      { id: "2", user_name: "ada", client_id: "c", grant_token: "g", access_token: "a2", expiry_time: "20" },
      { id: "3", user_name: "ada", client_id: "c", refresh_token: "r3" },
    );
    expect(problems).toEqual([]);
    expect(tokens).toHaveLength(1);
    expect(tokens[0]?.token).toMatchObject({
      id: "1",
      grantToken: "g",
      refreshToken: "r3",
      accessToken: "a1",
      expiresAt: 30,
    });
  });

  it("keeps users and clients apart, and the order", () => {
    const { tokens } = join(
      { id: "9", user_name: "ada", client_id: "c1", refresh_token: "r1" },
      { id: "10", user_name: "ada", client_id: "c2", refresh_token: "r2" },
      { id: "2", user_name: "bob", client_id: "c1", refresh_token: "r3" },
    );
    expect(tokens.map(({ token }) => token.id)).toEqual(["9", "10", "2"]);
  });

  it("joins what one later row shows to be the same", () => {
    const { tokens, problems } = join(
      { id: "1", user_name: "ada", refresh_token: "old" },
      { id: "2", refresh_token: "r" },
      { id: "3", user_name: "ada", refresh_token: "r" },
    );
    expect(problems).toEqual([]);
    expect(tokens.map(({ token }) => [token.id, token.refreshToken])).toEqual([["1", "r"]]);
  });

  it("reports a row that can't be joined with the row it met", () => {
    const { tokens, problems } = join(
      { id: "1", user_name: "ada", refresh_token: "SECRET" },
      { id: "3", user_name: "eve", refresh_token: "SECRET" },
      { id: "1", user_name: "eve", refresh_token: "SECRET" },
    );
    expect(tokens.map(({ token }) => token.userSignature?.name)).toEqual(["ada"]);
    expect(problems).toEqual([
      { where: 'row 2 (id "3")', reason: expect.stringMatching(/same refreshToken as row 1 \(id "1"\)/) },
      { where: 'row 3 (id "1")', reason: expect.stringMatching(/same refreshToken as row 1/) },
    ]);
  });

  it("loses nobody's token where one id was dealt out to two users", () => {
    const { tokens, problems } = join(
      { id: "1", user_name: "ada", refresh_token: "r1" },
      { id: "1", user_name: "bob", refresh_token: "r2" },
      { id: "1", user_name: "bob", access_token: "a2" },
      { id: "1", user_name: "ada", access_token: "a1" },
    );
    expect(problems).toEqual([]);
    expect(
      tokens.map(({ token: { userSignature, refreshToken, accessToken } }) => [
        userSignature?.name,
        refreshToken,
        accessToken,
      ]),
    ).toEqual([
      ["ada", "r1", "a1"],
      ["bob", "r2", "a2"],
    ]);
    expect(tokens[0]?.token.id).toBe("1");
    expect(tokens[1]?.token.id).not.toBe("1");
  });

  it("never gives one key to two records, whatever the rows", () => {
    const rows = Array.from({ length: 3000 }, (_, i) => ({
      id: String(i % 1000),
      user_name: i % 3 === 0 ? "" : `u${(i * 7) % 400}`,
      client_id: i % 5 === 0 ? null : `c${i % 2}`,
      refresh_token: `r${(i * 13) % 900}`,
      access_token: `a${(i * 17) % 1100}`,
      expiry_time: i % 2 === 0 ? String((i * 31) % 1000) : null,
    }));
    const { tokens, problems } = join(...rows);
    const seen = new Set<string>();
    for (const { token } of tokens) {
      const { id, userSignature, clientId, refreshToken, accessToken } = token;
      const keys = {
        id,
        refreshToken,
        accessToken,
        user: userSignature && `${userSignature.name} ${clientId}`,
      };
      for (const [name, value] of Object.entries(keys)) {
        if (value === null) continue;
        expect(seen.has(`${name} ${value}`)).toBe(false);
        seen.add(`${name} ${value}`);
      }
    }
    expect(tokens.length).toBeGreaterThan(0);
    expect(problems.length).toBeGreaterThan(0);
  });
});
