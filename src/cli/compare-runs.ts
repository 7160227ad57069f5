import { Command, Option } from 'commander';
import { compareRuns, type RunComparison, readSavedRunsFile } from '../measuring/index.ts';
import { compareRunsHtml } from '../report/compare-runs-html.ts';
import { compareRunsMarkdown, compareRunsText } from '../report/compare-runs-text.ts';
import { withExamples } from './examples.ts';
import { EXIT } from './exit.ts';
import { Outputs } from './outputs.ts';
import { print, printResult } from './stdout.ts';
import { number } from './values.ts';

type Flags = {
  tolerance: number;
  p99Tolerance?: number;
  relative?: boolean;
  requireSteady?: boolean;
  json?: boolean;
  markdown?: boolean;
  report?: string;
};

/** Percent that a median may grow before a slower path is a regression. */
export const TOLERANCE_PERCENT = 10;

const EXAMPLES = [
  ['compare-runs a.json b.json', 'two saved results of latency --json'],
  ['compare-runs a.json b.json --tolerance 20 --relative', 'runs of two different machines'],
] as const;

/** `irqloom compare-runs`: is B slower than A? */
export function compareRunsCommand(): Command {
  const command = new Command('compare-runs')
    .summary('compare two saved latency runs: faster, slower, or no difference seen')
    .description(
      'Compares two results of "irqloom latency --json", path by path, with a rank test on the medians of their boots, and on the 99th percentiles of these.\n' +
        'A file may have several results, a line each: take the runs of A and B in turn, and a drift of the machine meets both.\n' +
        'Exit status 1 if B is slower by more than the tolerance, 3 with --require-steady if the machine changed during a run.',
    )
    .argument('<A.json>', 'the run to compare with')
    .argument('<B.json>', 'the run in question')
    .option(
      '--tolerance <percent>',
      'how much slower is no regression yet',
      number(0, 10_000, 'percent'),
      TOLERANCE_PERCENT,
    )
    .option(
      '--p99-tolerance <percent>',
      'how much slower a 99th percentile may be; left out, the percentile is judged, and is no regression',
      number(0, 10_000, 'percent'),
    )
    .option('--relative', 'compare multiples of each run’s own calibration: for runs of different machines')
    .option('--require-steady', 'exit with 3 where the machine changed during a run')
    .addOption(new Option('--json', 'print the result as one JSON object').conflicts('markdown'))
    .option('--markdown', 'print the result as a table in Markdown, for a comment on a change')
    .option('--report <file>', 'write the result as one HTML file')
    .action((a: string, b: string, flags: Flags) => {
      const outputs = new Outputs();
      const page = outputs.open(flags.report);
      const comparison = compareRuns(readSavedRunsFile(a), readSavedRunsFile(b), {
        tolerance: flags.tolerance / 100,
        p99Tolerance: flags.p99Tolerance === undefined ? null : flags.p99Tolerance / 100,
        relative: flags.relative ?? false,
      });
      if (flags.markdown) print(compareRunsMarkdown(comparison));
      else printResult(comparison, flags.json ? undefined : () => compareRunsText(comparison));
      outputs.plan(page, () => compareRunsHtml(comparison, a, b));
      process.exitCode = outputs.write(exitOf(comparison, flags.requireSteady));
    });
  return withExamples(command, EXAMPLES);
}

function exitOf({ steady, regressions }: RunComparison, requireSteady = false): number {
  if (requireSteady && !steady) return EXIT.noAnswer;
  return regressions > 0 ? EXIT.failed : EXIT.held;
}
