import { writeFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { type ExploreOptions, type ExploreResult, STRATEGIES } from '../explore/index.ts';
import { type ConfirmedResult, exploreInLockstep } from '../explore/real/confirm.ts';
import { runFree } from '../explore/real/free.ts';
import { exploreInParallel } from '../explore/real/parallel.ts';
import { exploreHtml } from '../report/explore-html.ts';
import { confirmationText, exploreText, freeText } from '../report/explore-text.ts';
import { regressionTest } from '../report/regression-test.ts';
import { EXIT } from './exit.ts';
import { type Found, findScenario, listScenarios } from './scenario.ts';
import { number, wholeNumber } from './values.ts';

/** The version of what `--json` prints. */
export const SCHEMA_VERSION = 1;

/** Who runs the threads: this one thread, real ones an operation at a time, or real ones left alone. */
const EXECUTORS = ['simulated', 'lockstep', 'free'] as const;

type Flags = ExploreOptions & {
  executor: (typeof EXECUTORS)[number];
  seed: number;
  seconds: number;
  jobs: number;
  runs?: number;
  report?: string;
  save?: string;
  list?: boolean;
  json?: boolean;
};

/** `irqloom explore`: runs a scenario under many schedules, and shows the smallest one that fails. */
export function exploreCommand(): Command {
  return new Command('explore')
    .summary('run a program on SharedArrayBuffer under every interleaving, and show the one that breaks it')
    .description(
      'Runs the threads of a scenario (a module whose default export is { name, setup, threads, finally? }) under one schedule after the other, until one fails, all have been run, or the budget is spent. The failing schedule is made as small as it gets, and printed with a token that repeats it.\n' +
        'Exit status 1 if a schedule fails, 3 if the time was over before the search was.',
    )
    .addArgument(
      new Argument(
        '[file|name]',
        'a scenario file (.mjs, .js, .ts), or the name of one that comes with irqloom',
      ),
    )
    .addOption(new Option('--strategy <name>', 'how to choose schedules').choices(STRATEGIES).default('auto'))
    .option('--preemptions <n>', 'of dfs: at most so many preemptions', wholeNumber(0, 1_000_000))
    .option('--delays <n>', 'of dfs: at most so many delays', wholeNumber(0, 1_000_000))
    .option('--depth <d>', 'of pct: ordering constraints that a bug needs', wholeNumber(1, 64), 3)
    .option('--seed <n>', 'seed of every random choice', wholeNumber(0, 2 ** 31 - 1), 0)
    .option('--schedules <n>', 'stop after so many schedules', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--seconds <n>', 'stop after that time', number(0.01, 1e7, 'seconds'), 60)
    .option('--steps <n>', 'give a schedule up after so many steps', wholeNumber(1, 10_000_000), 10_000)
    .addOption(
      new Option(
        '--timeouts <when>',
        'when a wait with a timeout may time out: if nothing else can go on, at any step, never',
      )
        .choices(['late', 'any', 'never'])
        .default('late'),
    )
    .option(
      '--shard <i/n>',
      'run the i-th of n shares of the schedules of a random strategy or of dfs',
      shard,
    )
    .option('--jobs <n>', 'threads that search; the answer is the same', wholeNumber(1, 256), 1)
    .addOption(
      new Option(
        '--executor <who>',
        'simulated: all threads in one; lockstep: search like that, then confirm in real threads, one operation at a time; free: no search, real threads left alone',
      )
        .choices(EXECUTORS)
        .default('simulated'),
    )
    .option(
      '--runs <n>',
      'of free: how often to run the threads (default 10000); of lockstep: schedules to confirm where none fails (default 200)',
      wholeNumber(1, 1e9),
    )
    .option('--all', 'count every schedule that fails, in the place of stopping at the first')
    .option(
      '--report <file.html>',
      'write the result as a page of its own, with the failing schedule as lanes',
    )
    .option('--save <file.test.ts>', 'where a schedule fails, write a test for vitest that runs it again')
    .option('--json', 'print the result as one JSON object')
    .option('--list', 'list the scenarios that come with irqloom')
    .action(async (argument: string | undefined, flags: Flags) => {
      if (flags.list) process.stdout.write(await listScenarios());
      else process.exitCode = await explore(argument, flags);
    });
}

async function explore(argument: string | undefined, flags: Flags): Promise<number> {
  if (argument === undefined) {
    throw new IrqError(
      'ERR_USAGE',
      'name a scenario file, or one that comes with irqloom (--list names them)',
    );
  }
  const found = await findScenario(argument);
  if (flags.save !== undefined && !('file' in found.source)) {
    throw new IrqError('ERR_USAGE', '--save is for scenarios in files of your own, which a test can import');
  }
  if (flags.executor === 'free') {
    if (flags.report !== undefined)
      throw new IrqError('ERR_USAGE', '--report needs a search: free threads have no schedule to show');
    return free(found, flags);
  }
  const result = await run(found, flags);
  const repeat = repeatCommand(result, argument);
  if (flags.report !== undefined) write(flags.report, exploreHtml(result, repeat));
  if (flags.save !== undefined && result.failure !== undefined && 'file' in found.source) {
    write(flags.save, regressionTest(result, result.failure, flags.save, found.source.file));
  }
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, command: 'explore', ...result })}\n`
      : exploreText(result, repeat) + ('confirmed' in result ? confirmationText(result) : ''),
  );
  return exitOf(result);
}

function run({ scenario, source }: Found, flags: Flags): Promise<ExploreResult | ConfirmedResult> {
  const { list: _, json: __, report: ___, save: ____, executor, jobs, runs, ...options } = flags;
  if (options.strategy !== 'dfs' && (options.preemptions !== undefined || options.delays !== undefined)) {
    throw new IrqError('ERR_USAGE', '--preemptions and --delays bound a search of --strategy dfs: add that');
  }
  if (executor === 'lockstep') {
    if (jobs > 1) throw new IrqError('ERR_USAGE', '--jobs is for the simulated executor: leave one out');
    return exploreInLockstep(scenario, source, { ...options, ...(runs === undefined ? {} : { runs }) });
  }
  if (runs !== undefined) {
    throw new IrqError('ERR_USAGE', '--runs is for --executor free or lockstep; --schedules bounds a search');
  }
  return exploreInParallel(scenario, source, options, jobs);
}

/** Runs real threads that nobody controls. */
async function free({ scenario, source }: Found, { seed, seconds, runs, json }: Flags): Promise<number> {
  const result = await runFree(scenario, source, { seed, seconds, ...(runs === undefined ? {} : { runs }) });
  process.stdout.write(
    json
      ? `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, command: 'explore', ...result })}\n`
      : freeText(result),
  );
  return exitOf(result);
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new IrqError('ERR_FILE', `${file} cannot be written: ${why}`);
  }
}

function exitOf({ verdict }: Pick<ExploreResult, 'verdict'>): number {
  return verdict === 'fail' ? EXIT.failed : verdict === 'pass' ? EXIT.held : EXIT.noAnswer;
}

/** The whole command that repeats a failure. */
function repeatCommand({ failure }: ExploreResult, argument: string): string | undefined {
  return failure === undefined ? undefined : `npx irqloom replay ${failure.token} ${quote(argument)}`;
}

/** As a shell takes it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function shard(text: string): { index: number; count: number } {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [index, count] = [Number(i) - 1, Number(n)];
  if (i === undefined || index < 0 || index >= count) {
    throw new IrqError('ERR_USAGE', `--shard ${text}: it has the form i/n, with i from 1 to n, such as 1/4`);
  }
  return { index, count };
}
