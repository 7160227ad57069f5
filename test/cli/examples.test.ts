import { Command, CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS, commandsFor } from '../../src/cli/commands.ts';
import { examplesOf } from '../../src/cli/examples.ts';

/** Parses a command line with the real flags of its command, whose action is empty. */
async function parse(line: string): Promise<void> {
  const words = line.split(' ');
  const program = new Command('irqloom');
  for (const command of await commandsFor(words)) program.addCommand(command);
  for (const command of program.commands) {
    command.exitOverride().action(() => undefined);
    command.configureOutput({ writeErr: () => undefined });
  }
  await program.parseAsync(words, { from: 'user' });
}

const commands = await Promise.all(Object.values(COMMANDS).map((make) => make()));

describe('the examples of the help', () => {
  test('the help of every command has two examples or more', () => {
    expect(commands.map((command) => command.name())).toEqual(Object.keys(COMMANDS));
    for (const command of commands)
      expect(examplesOf(command).length, command.name()).toBeGreaterThanOrEqual(2);
    expect(examplesOf(new Command('nameless'))).toEqual([]);
  });

  test.each(
    commands.flatMap((command) => examplesOf(command).map(([line]) => [command.name(), line] as const)),
  )('%s: %s', async (name, line) => {
    expect(line.split(' ')[0]).toBe(name);
    await parse(line);
  });

  test('an example with a flag, a value or an argument too many does not parse', async () => {
    for (const line of ['stress --colour', 'stress --churn fast', 'layout 1', 'init here there'])
      await expect(parse(line), line).rejects.toThrow(CommanderError);
  });

  test('examples stand at the end of the help of a command', async () => {
    const [stress] = await commandsFor(['stress', '--help']);
    let help = '';
    stress?.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toMatch(/\nExamples:\n( {2}npx irqloom stress .*\n {6}.*\n){4}$/);
  });
});
