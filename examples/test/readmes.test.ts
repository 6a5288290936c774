import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startZoho } from "@tokenkeep/zoho-stand-in";
import { expect, it } from "vitest";

const here = fileURLToPath(new URL("..", import.meta.url));

/** The first program of a README. */
async function programOf(readme: string): Promise<string> {
  const text = await readFile(join(here, "..", readme), "utf8");
  const program = /^```js\n(.*?)^```/ms.exec(text)?.[1];
  if (program === undefined) throw new Error(`${readme} begins with no program`);
  return program;
}

/** Runs a program beside the installed packages, so that they are found, in an empty directory. */
async function run(name: string, program: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-readme-"));
  const path = join(here, `.readme-${name.replaceAll("/", "-")}-${process.pid}.mjs`);
  try {
    await writeFile(path, program);
    return (await promisify(execFile)(process.execPath, [path], { cwd: directory })).stdout;
  } finally {
    await rm(path, { force: true });
    await rm(directory, { recursive: true });
  }
}

// those that need no server; the others' own tests have theirs
it.each([
  "README.md",
  "packages/core/README.md",
  "packages/memory/README.md",
  "packages/file/README.md",
  "packages/sqlite/README.md",
])("the first program of %s runs as it stands", async (readme) => {
  expect(await run(readme, await programOf(readme))).not.toBe("");
});

it.each(["typescript", "nodejs"])("that of packages/zoho-crm does with the %s SDK", async (sdk) => {
  const zoho = await startZoho();
  try {
    const grantToken = zoho.grant("1000.CLIENT", { email: "ann@example.com", zgid: "1" });
    const there = `new sdk.Environment("${zoho.url}", "${zoho.url}/oauth/v2/token", "${zoho.url}")`;
    const readme = await programOf("packages/zoho-crm/README.md");
    // all that is not as it stands: who the user is, and where Zoho is
    const program = `const grantToken = "${grantToken}";\n${readme}`
      .replace("sdk.USDataCenter.PRODUCTION()", there)
      .replace("typescript-sdk", `${sdk}-sdk`);
    const output = await run(`zoho-${sdk}`, program);
    expect(zoho.requests).toEqual(["grant", "GET /crm/v8/users", "GET /crm/v8/org"]);
    expect(output).toContain("name: 'ann@example.com:1'");
    expect(output).toContain("refreshToken: '***'");
  } finally {
    await zoho.stop();
  }
});
