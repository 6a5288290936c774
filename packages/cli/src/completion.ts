import type { Command } from "commander";
import { UsageError } from "./errors.js";

/**
 * A completion script, made from the commands and options themselves.
 * @param shell bash, zsh or fish
 * @param program the command line
 * @returns the script
 * @throws UsageError for another shell
 */
export function completionFor(shell: string, program: Command): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.options.map(({ long }) => long).filter((long) => long !== undefined && long !== null),
  }));
  const names = commands.map(({ name }) => name).join(" ");
  if (shell === "bash" || shell === "zsh") {
    const cases = commands
      .map(({ name, options }) => `    ${name}) words="${options.join(" ")}" ;;`)
      .join("\n");
    const start = shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
    return `${start}_tokenkeep() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases}
    *) words="${names}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${names}"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tokenkeep tokenkeep`;
  }
  if (shell === "fish") {
    const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`;
    return commands
      .flatMap(({ name, description, options }) => [
        `complete -c tokenkeep -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
        ...options.map(
          (long) => `complete -c tokenkeep -n '__fish_seen_subcommand_from ${name}' -l ${long!.slice(2)}`,
        ),
      ])
      .join("\n");
  }
  throw new UsageError("The shell must be bash, zsh or fish.");
}
