#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { bootCommand } from './boot.ts';
import { compareCommand } from './compare.ts';
import { compareRunsCommand } from './compare-runs.ts';
import { conformCommand } from './conform.ts';
import { EXIT, exitStatusOf } from './exit.ts';
import { exploreCommand } from './explore.ts';
import { guestsCommand } from './guests.ts';
import { ioctlCommand } from './ioctl.ts';
import { latencyCommand } from './latency.ts';
import { layoutCommand } from './layout.ts';
import { racesCommand } from './races.ts';
import { replayCommand } from './replay.ts';
import { replayGuestCommand } from './replay-guest.ts';
import { scaleCommand } from './scale.ts';
import { guardStreams } from './stdout.ts';
import { stressCommand } from './stress.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('irqloom')
  .description('Interrupt injection on arm64, in worker threads: stress it, measure it, find its races.')
  .version(version)
  .showHelpAfterError('(--help lists what there is)')
  .configureHelp({ showGlobalOptions: true });

const commands = [
  stressCommand(),
  bootCommand(),
  latencyCommand(),
  scaleCommand(),
  compareCommand(),
  compareRunsCommand(),
  exploreCommand(),
  replayCommand(),
  racesCommand(),
  conformCommand(),
  ioctlCommand(),
  layoutCommand(),
  replayGuestCommand(),
  guestsCommand(),
];
for (const command of commands) program.addCommand(command);
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
