import { Command } from 'commander';
import { compareRuns, readSavedRunsFile } from '../measuring/index.ts';
import { compareRunsText } from '../report/compare-runs-text.ts';
import { EXIT } from './exit.ts';
import { print } from './stdout.ts';
import { number } from './values.ts';

type Flags = { tolerance: number; relative?: boolean; json?: boolean };

/** Percent that a median may grow before a slower path is a regression. */
export const TOLERANCE_PERCENT = 10;

/** `irqloom compare-runs`: is B slower than A? */
export function compareRunsCommand(): Command {
  return new Command('compare-runs')
    .summary('compare two saved latency runs: faster, slower, or no difference seen')
    .description(
      'Compares two results of "irqloom latency --json", path by path, with a rank test on the medians of their boots.\n' +
        'A file may have several results, a line each: take the runs of A and B in turn, and what drifts on the machine meets both.\n' +
        'Exit status 1 if B is slower by more than the tolerance.',
    )
    .argument('<A.json>', 'the run to compare with')
    .argument('<B.json>', 'the run in question')
    .option(
      '--tolerance <percent>',
      'how much slower is no regression yet',
      number(0, 10_000, 'percent'),
      TOLERANCE_PERCENT,
    )
    .option('--relative', 'compare multiples of each run’s own calibration: for runs of different machines')
    .option('--json', 'print the result as one JSON object')
    .action((a: string, b: string, flags: Flags) => {
      const comparison = compareRuns(readSavedRunsFile(a), readSavedRunsFile(b), {
        tolerance: flags.tolerance / 100,
        relative: flags.relative ?? false,
      });
      print(flags.json ? `${JSON.stringify(comparison)}\n` : compareRunsText(comparison));
      process.exitCode = comparison.regressions > 0 ? EXIT.failed : EXIT.held;
    });
}
