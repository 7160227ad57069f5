import type { Command } from 'commander';

/** A command line without its `npx irqloom`, and its purpose. */
export type Example = readonly [line: string, about: string];

const EXAMPLES = new WeakMap<Command, readonly Example[]>();

/** Gives a command two examples or more, with which its help ends. A test parses the examples of all commands. */
export function withExamples(command: Command, examples: readonly [Example, Example, ...Example[]]): Command {
  EXAMPLES.set(command, examples);
  const lines = examples.map(([line, about]) => `  npx irqloom ${line}\n      ${about}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** The examples of a command; none where it has none. */
export function examplesOf(command: Command): readonly Example[] {
  return EXAMPLES.get(command) ?? [];
}
