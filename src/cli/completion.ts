import { Argument, Command } from 'commander';
import { type CommandWords, type FlagWords, SHELLS, type Shell, scriptFor } from './completion-scripts.ts';
import { configOptions } from './config-file.ts';
import { withExamples } from './examples.ts';
import { print } from './stdout.ts';

const EXAMPLES = [
  ['completion bash', 'the script on stdout: source <(irqloom completion bash)'],
  ['completion fish', 'for ~/.config/fish/completions/irqloom.fish'],
] as const;

/**
 * `irqloom completion`: a script that completes commands, flags and their values, made from the commands themselves.
 * @param commands - makes every command
 */
export function completionCommand(commands: () => Promise<readonly Command[]>): Command {
  const command = new Command('completion')
    .summary('print a script that completes commands and flags in your shell')
    .description(
      'Prints a completion script:\n' +
        '  bash: source <(irqloom completion bash), in ~/.bashrc\n' +
        '  zsh:  source <(irqloom completion zsh), in ~/.zshrc, after compinit\n' +
        '  fish: irqloom completion fish > ~/.config/fish/completions/irqloom.fish',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      print(scriptFor(shell, (await commands()).map(wordsOf)));
    });
  return withExamples(command, EXAMPLES);
}

/** The flags and arguments of a command for its completion. */
export function wordsOf(command: Command): CommandWords {
  const help = command.createHelp();
  return {
    name: command.name(),
    about: command.summary(),
    flags: [...help.visibleOptions(command), ...configOptions()].map(
      ({ long, short, description, argChoices, flags }): FlagWords => ({
        long: long ?? '',
        short,
        about: description,
        value: whatFollows(flags, argChoices),
      }),
    ),
    values: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  };
}

/** The value of a flag, by its placeholder: `<file>`, `<folder>`, one of some words, or a text to be typed. */
function whatFollows(flags: string, choices: readonly string[] | undefined): FlagWords['value'] {
  if (choices !== undefined) return choices;
  const [, placeholder] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  if (placeholder === undefined) return 'none';
  return /^(file|folder)\b/.test(placeholder) ? 'path' : 'any';
}
