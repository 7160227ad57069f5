import type { Command } from 'commander';

/**
 * The commands, in the order of the help. Each is loaded for its own run, or for a help that lists all commands: so a
 * command starts in half the time that all of them would need.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  stress: async () => (await import('./stress.ts')).stressCommand(),
  boot: async () => (await import('./boot.ts')).bootCommand(),
  latency: async () => (await import('./latency.ts')).latencyCommand(),
  scale: async () => (await import('./scale.ts')).scaleCommand(),
  compare: async () => (await import('./compare.ts')).compareCommand(),
  'compare-runs': async () => (await import('./compare-runs.ts')).compareRunsCommand(),
  explore: async () => (await import('./explore.ts')).exploreCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  races: async () => (await import('./races.ts')).racesCommand(),
  conform: async () => (await import('./conform.ts')).conformCommand(),
  ioctl: async () => (await import('./ioctl.ts')).ioctlCommand(),
  layout: async () => (await import('./layout.ts')).layoutCommand(),
  'replay-guest': async () => (await import('./replay-guest.ts')).replayGuestCommand(),
  init: async () => (await import('./init.ts')).initCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(allCommands),
  campaign: async () => (await import('./campaign.ts')).campaignCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  guests: async () => (await import('./guests.ts')).guestsCommand(),
};

const allCommands = () => Promise.all(Object.values(COMMANDS).map((make) => make()));

/** The commands that a command line needs: the named command, or all commands for help and for suggestions. */
export function commandsFor(words: readonly string[]): Promise<Command[]> {
  const named = words.find((word) => !word.startsWith('-'));
  if (named === undefined && words.includes('--version')) return Promise.resolve([]);
  const wanted = named !== undefined && Object.hasOwn(COMMANDS, named) ? COMMANDS[named] : undefined;
  return wanted === undefined ? allCommands() : Promise.all([wanted()]);
}
