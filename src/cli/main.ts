#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { commandsFor } from './commands.ts';
import { EXIT, exitStatusOf } from './exit.ts';
import { guardStreams } from './stdout.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('irqloom')
  .description('Interrupt injection on arm64, in worker threads: stress it, measure it, find its races.')
  .version(version)
  .showHelpAfterError('(--help lists what there is)')
  .configureHelp({ showGlobalOptions: true });

for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(command);
for (const command of [program, ...program.commands]) command.exitOverride();

guardStreams();
// An error that no command caught: the run has no verdict then, whatever was printed before.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.exitCode = exitStatusOf(error) || EXIT.noAnswer;
    process.exit();
  });
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitStatusOf(error);
}
