#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { compareCommand } from './compare.ts';
import { compareRunsCommand } from './compare-runs.ts';
import { conformCommand } from './conform.ts';
import { exitStatusOf } from './exit.ts';
import { exploreCommand } from './explore.ts';
import { guestsCommand } from './guests.ts';
import { ioctlCommand } from './ioctl.ts';
import { latencyCommand } from './latency.ts';
import { layoutCommand } from './layout.ts';
import { racesCommand } from './races.ts';
import { replayCommand } from './replay.ts';
import { replayGuestCommand } from './replay-guest.ts';
import { scaleCommand } from './scale.ts';
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

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitStatusOf(error);
}
