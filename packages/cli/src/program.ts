import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { keygen, rekeyStore } from "./commands/keys.js";
import { exportTokens, find, list, show } from "./commands/look.js";
import { copy, importFrom } from "./commands/move.js";
import { deleteOne, prune, revoke } from "./commands/remove.js";
import { migrate, refresh } from "./commands/upkeep.js";
import { completionFor } from "./completion.js";
import type { Context } from "./context.js";
import { doctor } from "./doctor/doctor.js";
import { parseRate } from "./pace.js";
import { escapedLines } from "./text.js";

const STORES = `
Stores:
  file:tokens.jsonl           @tokenkeep/file
  sqlite:tokens.db            @tokenkeep/sqlite
  mysql://user@host/database  @tokenkeep/mysql, also MariaDB
  postgres://user@host/db     @tokenkeep/postgres
  redis://host, rediss://…    @tokenkeep/redis, also Valkey
  mongodb://host/database     @tokenkeep/mongo

A URL with a password belongs in TOKENKEEP_STORE, or in a file: --store @/run/secrets/store.
Encryption keys come from TOKENKEEP_KEYS or --keys-file. Make one with: tokenkeep keygen

Exit status: 0 done, 1 not done, 2 wrong usage; doctor: 1 something is wrong, 3 could not check.`;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const MAX_RATE = ["--max-rate <n>", "at most so many records per second", parseRate] as const;

/**
 * The command line.
 * @param context what commands work with
 * @param finish told of the exit status of a command that has one of its own
 * @returns the program, to be parsed
 */
export function createProgram(context: Context, finish: (status: number) => void = () => {}): Command {
  const program = new Command("tokenkeep");
  program
    .description("Look at, move and look after the tokens of a store.")
    .version(version)
    .showHelpAfterError("(tokenkeep --help, or tokenkeep COMMAND --help)")
    .addHelpText("after", STORES)
    .exitOverride()
    .configureOutput({ writeErr: (text) => context.output.say(escapedLines(text.trimEnd())) });

  const command = (signature: string, description: string, examples: readonly string[]): Command =>
    program
      .command(signature)
      .description(description)
      .exitOverride()
      .addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
  const onStore = (each: Command): Command =>
    each
      .option("--store <url>", "the store, or @FILE that holds its URL; by default $TOKENKEEP_STORE")
      .option("--namespace <name>", "the store's namespace")
      .option("--keys-file <path>", "encryption keys; by default $TOKENKEEP_KEYS")
      .option("--json", "machine-readable output");
  const changing = (each: Command): Command =>
    onStore(each)
      .option("--dry-run", "say what would be done, and change nothing")
      .option("--yes", "don't ask")
      .option("--no-input", "never ask: fail instead");
  const ofProvider = (each: Command): Command =>
    each
      .option("--issuer <url>", "the authorization server")
      .option("--token-endpoint <url>", "its token endpoint, where the issuer publishes no metadata")
      .option("--revocation-endpoint <url>", "its revocation endpoint (RFC 7009), likewise")
      .option("--zoho [data-center]", "Zoho: us, eu, in, au, jp, ca, cn or sa")
      .option("--client-id <id>", "the OAuth client; its secret comes from $TOKENKEEP_CLIENT_SECRET");

  onStore(
    command("list", "List the records, without secrets.", [
      "tokenkeep list --store sqlite:tokens.db",
      "tokenkeep list --user ann@example.com --json",
      "tokenkeep list --idle 30d --sort saved",
    ]),
  )
    .option("--user <name>", "only this user's")
    .option("--client <id>", "only this client's")
    .option("--expired", "only those whose access token expired")
    .option("--idle <duration>", "only those not saved for this long, such as 30d")
    .option("--sort <column>", "created, saved, expires or user")
    .option("--reverse", "the other way round")
    .action((flags) => list(flags, context));

  const showing = (each: Command): Command =>
    onStore(each)
      .option("--reveal", "show secrets")
      .option("--yes", "don't ask")
      .option("--no-input", "never ask: fail instead");
  showing(command("show <id>", "Show one record.", ["tokenkeep show 1f0c… --store sqlite:tokens.db"])).action(
    (id, flags) => show(id, flags, context),
  );
  showing(
    command("find", "Show the record that a program would find.", ["tokenkeep find --user ann@example.com"]),
  )
    .requiredOption("--user <name>", "the user's name")
    .option("--client <id>", "the OAuth client")
    .action((flags) => find(flags, context));

  onStore(
    command("export", "Write every token as a line of JSON, secrets included.", [
      "tokenkeep export --plaintext --output tokens.export",
    ]),
  )
    .option("--output <file>", "by default the standard output; overwrites only an older export")
    .option("--plaintext", "secrets may be written in plaintext")
    .action((flags) => exportTokens(flags, context));

  changing(
    command(
      "import <source>",
      "Import an export, or the file, table or SQLite database of a Zoho SDK; @FILE holds a URL.",
      [
        "tokenkeep import zoho_tokens.txt --store sqlite:tokens.db",
        "tokenkeep import @/run/secrets/zoho-database --table oauthtoken",
        "tokenkeep import tokens.export --dry-run",
      ],
    ),
  )
    .option("--table <name>", "the SDK's table, oauthtoken by default")
    .option("--client-id <id>", "the OAuth client of rows that name none")
    .option(...MAX_RATE)
    .action((source, flags) => importFrom(source, flags, context));

  changing(
    command("copy", "Copy every token to another store. May be repeated.", [
      "tokenkeep copy --store sqlite:tokens.db --to postgres://app@db/app --dry-run",
    ]),
  )
    .option("--to <url>", "the target; by default $TOKENKEEP_TO")
    .option("--to-namespace <name>", "the target's namespace; by default the source's")
    .option("--to-keys-file <path>", "the target's encryption keys; by default $TOKENKEEP_TO_KEYS")
    .option("--plaintext", "the target may be less protected than the source")
    .option(...MAX_RATE)
    .action((flags) => copy(flags, context));

  changing(command("delete <id>", "Delete one record.", ["tokenkeep delete 1f0c…"])).action((id, flags) =>
    deleteOne(id, flags, context),
  );

  changing(
    command("prune", "Delete records that are of no more use.", [
      "tokenkeep prune --expired --dry-run",
      "tokenkeep prune --idle 90d --yes",
    ]),
  )
    .option("--idle <duration>", "not saved for this long, such as 90d")
    .option("--age <duration>", "first saved this long ago")
    .option("--expired", "expired, and nothing left to refresh with")
    .option(...MAX_RATE)
    .action((flags) => prune(flags, context));

  ofProvider(
    changing(
      command("refresh", "Refresh grants that would lapse.", [
        "tokenkeep refresh --idle 30d --zoho eu --yes",
      ]),
    ),
  )
    .option("--idle <duration>", "not saved for this long, such as 30d")
    .option(...MAX_RATE)
    .action((flags) => refresh(flags, context));

  ofProvider(
    changing(
      command("revoke <id>", "Revoke a grant at its provider, and delete the record.", [
        "tokenkeep revoke 1f0c… --issuer https://login.example.com",
      ]),
    ),
  ).action((id, flags) => revoke(id, flags, context));

  changing(
    command("rekey", "Seal every record with the newest key, while programs run.", [
      "tokenkeep rekey --dry-run",
      "tokenkeep rekey --to plaintext --plaintext",
    ]),
  )
    .option("--to <what>", "plaintext: decrypt every record")
    .option("--plaintext", "secrets may be stored in plaintext")
    .option(...MAX_RATE)
    .action((flags) => rekeyStore(flags, context));

  command("keygen [id]", "Print a new encryption key.", [
    "tokenkeep keygen 2026-11 > keys; chmod 600 keys",
  ]).action((id) => keygen(id, context));

  changing(
    command("migrate", "Create what is missing and migrate an older schema.", ["tokenkeep migrate"]),
  ).action((flags) => migrate(flags, context));

  onStore(
    command("doctor", "Check a store, and say what to do. Changes nothing.", [
      "tokenkeep doctor --store redis://localhost",
      "tokenkeep doctor --ignore redis-not-durable",
    ]),
  )
    .option("--ignore <name...>", "leave out findings of this name")
    .action(async (flags) => finish(await doctor(flags, context)));

  command("completion <shell>", "Print a completion script for bash, zsh or fish.", [
    "source <(tokenkeep completion bash)",
  ]).action((shell) => context.output.data(completionFor(shell, program)));

  return program;
}

/** Whether commander ended the program because help or the version was asked for. */
export function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}
