import { resolve } from 'node:path';
import type { Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import type { ExploreOptions } from '../explore/index.ts';
import type { GuestFlags } from './guest-options.ts';
import type { Found, LoadFlags } from './scenario.ts';

/** The threads of a run: one thread for all, real threads an operation at a time, or real threads left alone. */
export const EXECUTORS = ['simulated', 'lockstep', 'free'] as const;

/** The flags of `irqloom explore`. */
export type ExploreFlags = ExploreOptions &
  LoadFlags &
  GuestFlags & {
    executor: (typeof EXECUTORS)[number];
    seed: number;
    seconds: number;
    jobs: number;
    runs?: number;
    report?: string;
    save?: string;
    junit?: string;
    list?: boolean;
    json?: boolean;
  };

/** The flags of `free`. The executor searches no schedules, so flags that bound a search are left out. */
const OF_FREE = ['executor', 'seed', 'seconds', 'runs', 'json', 'junit', 'export', 'plain'];

/** The names that vitest takes for tests. */
const TEST = /\.(?:test|spec)\.[cm]?[jt]sx?$/;

/** The flags that the user has typed, by name. */
export function givenFlags(command: Command): readonly string[] {
  return command.options
    .map((option) => option.attributeName())
    .filter((name) => command.getOptionValueSource(name) === 'cli');
}

/**
 * Checks flags against each other.
 * @param given - the flags that the user has typed
 * @throws IrqError `ERR_USAGE`
 */
export function checkGiven(args: readonly string[], flags: ExploreFlags, given: readonly string[]): void {
  const { executor, strategy, jobs, save } = flags;
  const beside = given.find((name) => name !== 'list');
  const has = (name: string): boolean => given.includes(name);
  const ofSearch = given.find((name) => !OF_FREE.includes(name));
  const wrong =
    flags.list && (beside !== undefined || args.length > 0)
      ? `--list only prints names: leave out ${beside === undefined ? args[0] : `--${beside}`}`
      : has('depth') && strategy !== 'pct' && strategy !== 'auto'
        ? `--depth is for --strategy pct, and for auto, of which pct is a part; ${strategy} has none`
        : strategy !== 'dfs' && (has('preemptions') || has('delays'))
          ? '--preemptions and --delays bound a search of --strategy dfs: add that'
          : executor === 'free' && has('report')
            ? '--report needs a search: free threads have no schedule to show'
            : executor === 'free' && ofSearch !== undefined
              ? `--${dashed(ofSearch)} is for a search, and --executor free does none: leave one out`
              : executor === 'lockstep' && jobs > 1
                ? '--jobs is for the simulated executor: leave one out'
                : executor === 'simulated' && has('runs')
                  ? '--runs is for --executor free or lockstep; --schedules bounds a search'
                  : save !== undefined && !TEST.test(save)
                    ? `--save ${save}: vitest takes no file of that name for a test; right would be ${suggested(save)}`
                    : undefined;
  if (wrong !== undefined) throw new IrqError('ERR_USAGE', wrong);
}

/** Checks where a result is to be written. @throws IrqError `ERR_USAGE` */
export function checkOutputs({ report, save }: ExploreFlags, all: readonly Found[]): void {
  const sources = all.flatMap(({ source }) => ('file' in source ? [resolve(source.file)] : []));
  const overwritten = [report, save].find((path) => path !== undefined && sources.includes(resolve(path)));
  const wrong =
    all.length > 1 && (report !== undefined || save !== undefined)
      ? `--report and --save take one scenario, and ${all.length} are named`
      : save !== undefined && sources.length < all.length
        ? '--save is for scenarios in files of your own, which a test can import'
        : overwritten !== undefined
          ? `${overwritten} is the scenario itself, and would be overwritten: name another file`
          : report !== undefined && save !== undefined && resolve(report) === resolve(save)
            ? `--report and --save name one file, ${report}`
            : undefined;
  if (wrong !== undefined) throw new IrqError('ERR_USAGE', wrong);
}

/** A name for a test that is like the one given. */
function suggested(path: string): string {
  const stem = path.replace(/\.[^./\\]*$/, '');
  return `${/[^/\\]$/.test(stem) ? stem : `${stem}schedule`}.test.ts`;
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
