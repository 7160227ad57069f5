#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { shellWord } from '../base/shell-word.ts';
import { withoutPassword } from '../base/without-password.ts';
import { describeRun } from '../report/html/provenance.ts';
import { setTextWidth } from '../report/text-width.ts';
import { COMMANDS, commandsFor } from './commands.ts';
import { applyConfig, configNote, configOptions } from './config-file.ts';
import { EXIT, exitStatusOf } from './exit.ts';
import { noteInputs } from './inputs.ts';
import { guardStreams, print, say, statusWithResult } from './stdout.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('irqloom')
  .description('Interrupt injection on arm64, in worker threads: stress it, measure it, find its races.')
  .version(version)
  .showHelpAfterError('(--help lists the flags)')
  .configureHelp({ showGlobalOptions: true })
  .hook('preAction', async (_, command) => {
    await applyConfig(command, program.getOptionValue('config') as string | false | undefined, COMMANDS);
    noteInputs(command);
    const words = process.argv.slice(2).map((word) => shellWord(withoutPassword(word)));
    describeRun({ command: ['npx irqloom', ...words].join(' '), version });
  });
for (const option of configOptions()) program.addOption(option);

guardStreams();
setTextWidth(process.stdout.columns);
// Status 0 is a promise that the command makes at its end: a process that ends earlier has no verdict.
let hasEnded = false;
process.on('exit', () => {
  if (hasEnded || process.exitCode === EXIT.interrupted) return;
  process.stderr.write('irqloom: the process ended before the command had a result\n');
  process.exitCode = EXIT.noAnswer;
});
// An error that no command caught: the run has no verdict then, whether or not the command printed one.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.exitCode = exitStatusOf(error) || EXIT.noAnswer;
    hasEnded = true;
    process.exit();
  });
}

try {
  for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(command);
  for (const command of [program, ...program.commands])
    command
      .configureHelp({ showGlobalOptions: true })
      .exitOverride()
      .configureOutput({ writeOut: print, writeErr: say });
  await program.parseAsync();
  process.exitCode = statusWithResult(process.exitCode);
} catch (error) {
  process.exitCode = exitStatusOf(error);
  say(configNote(error));
}
hasEnded = true;
// After Ctrl-C the result is printed by now: threads that are about to end, end with the process.
if (process.exitCode === EXIT.interrupted) process.stdout.write('', () => process.exit());
