// Every command of the command line: whatever is typed, it ends, says why in a sentence of its own, and has changed
// nothing if it was refused.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { FileTokenStore } from "@tokenkeep/file";
import fc from "fast-check";
import { afterAll, describe, vi } from "vitest";
import { CommandError, UsageError } from "../../../packages/cli/dist/errors.js";
import { Output } from "../../../packages/cli/dist/output.js";
import { createProgram } from "../../../packages/cli/dist/program.js";
import { contentOf, testAll } from "./property.js";
import { hostileText } from "./values.js";

const folder = mkdtempSync(join(tmpdir(), "tokenkeep-hostile-"));
const path = join(folder, "tokens.jsonl");
const store = new FileTokenStore(path);
// Where `--output` writes to.
const before = process.cwd();
process.chdir(mkdtempSync(join(folder, "here-")));
await store.saveToken({ id: "a", userSignature: { name: "a" }, clientId: "app", accessToken: "t" });
afterAll(async () => {
  process.chdir(before);
  await store.close();
  rmSync(folder, { recursive: true });
});

const program = (): ReturnType<typeof createProgram> => {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = new Output(nowhere() as never, nowhere() as never);
  const made = createProgram({ output, signal: new AbortController().signal });
  for (const each of [made, ...made.commands]) each.configureOutput({ writeOut: () => {} });
  return made;
};

const { commands } = program();
/** What would write to another place than the store of this test, or reach a server. */
const isElsewhere = (word: string) => /^[@/.]|^[a-z+]+:/i.test(word);
const value = fc.oneof(
  fc.constantFrom(
    "a",
    "app",
    "30d",
    "1",
    "-1",
    "0",
    "--",
    "-",
    "saved",
    "json",
    folder,
    path,
    `file:${path}`,
  ),
  hostileText.filter((text) => !isElsewhere(text)),
);

/** Arguments as the command takes them, more or less: most get past the parser. */
const argumentsOf = ({ options, registeredArguments }: (typeof commands)[number]) => {
  const flags = options.map(({ long, required, optional }) =>
    fc.tuple(fc.constant(long ?? "-"), ...(required || optional ? [value] : [])),
  );
  const positionals = fc.tuple(...registeredArguments.map(() => value));
  return fc
    .tuple(
      fc.subarray(flags, { maxLength: Math.min(4, flags.length) }).chain((some) => fc.tuple(...some)),
      positionals,
      fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(value) }),
    )
    .map(([chosen, own, more]) => [...chosen.flat(), ...own, ...more]);
};

describe("hostile arguments of", () => {
  testAll(
    commands.map((command) => ({
      name: command.name(),
      args: [argumentsOf(command)],
      call: async (words: readonly string[]) => {
        vi.stubEnv("TOKENKEEP_STORE", `file:${path}`);
        await program().parseAsync([command.name(), ...words], { from: "user" });
      },
      content: contentOf(store),
      allows: (error: Error) =>
        error.name === "CommanderError" || error instanceof UsageError || error instanceof CommandError,
    })),
    0.1,
  );
});
