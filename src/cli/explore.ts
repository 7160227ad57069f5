import { Argument, Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import { type ExploreResult, type Failure, STRATEGIES } from '../explore/index.ts';
import type { SearchTask } from '../explore/real/search-task.ts';
import { runSearch, type Unanswered } from '../explore/real/search-thread.ts';
import { progressText } from '../report/explore-progress.ts';
import { confirmationText, exploreText, freeText } from '../report/explore-text.ts';
import { type JUnitCase, junitXml } from '../report/junit.ts';
import { regressionTest } from '../report/regression-test.ts';
import { plural } from '../report/units.ts';
import { alone } from './config-file.ts';
import { withExamples } from './examples.ts';
import { EXIT, exitStatusOf, interruptible } from './exit.ts';
import { checkGiven, checkOutputs, EXECUTORS, type ExploreFlags, givenFlags } from './explore-flags.ts';
import { exploreGuestCommand } from './explore-guest.ts';
import { type Explored, explorePage, type Result } from './explore-page.ts';
import { addGuestOptions, checkNoGuest } from './guest-options.ts';
import { OutputFile } from './output-file.ts';
import { ProgressLine } from './progress-line.ts';
import { type Found, findScenarios, listScenarios, loadOptions, loadWords } from './scenario.ts';
import { printResult, printText } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

/** The version of the output of `--json`. */
export const SCHEMA_VERSION = 1;

const DEFAULT_STEPS = 10_000;

const EXAMPLES = [
  ['explore counter.scenario.mjs', 'every interleaving of your scenario'],
  [
    'explore counter.scenario.mjs --strategy pct --seconds 10 --save counter.test.ts',
    'ten seconds at random; a failure becomes a test',
  ],
] as const;

/** `irqloom explore`: runs a scenario under many schedules, and shows the smallest schedule that fails. */
export function exploreCommand(): Command {
  const [exportOption, plainOption] = loadOptions();
  const command = new Command('explore')
    .summary('run a program on SharedArrayBuffer under every interleaving, and show a failing one')
    .description(
      'Runs the threads of a scenario (a module whose default export is { name, setup, threads, finally? }) under one schedule after the other, until one fails, all have been run, or the budget is spent. The failing schedule is made as small as it gets, and printed with a token that repeats the schedule.\n' +
        'Exit status 1 if a schedule fails, 3 if the time ran out before the search ended.\n' +
        'With --guest: boots an arm64 guest once, and runs schedules of its vCPUs, devices and stores from one moment of it (docs/arm64.md); strategies random, pct, communication, auto.',
    )
    .addArgument(
      new Argument(
        '[files...]',
        'scenario files (.mjs, .js, .ts), patterns of them, or names of scenarios that come with irqloom',
      ),
    )
    .addOption(
      new Option('--strategy <name>', 'how to choose schedules')
        .choices([...STRATEGIES, 'communication'])
        .default('auto'),
    )
    .option('--preemptions <n>', 'of dfs: at most so many preemptions', wholeNumber(0, 1_000_000))
    .option('--delays <n>', 'of dfs: at most so many delays', wholeNumber(0, 1_000_000))
    .option(
      '--depth <d>',
      'of pct, also as a part of auto: ordering constraints that a bug needs (default 3)',
      wholeNumber(1, 64),
    )
    .option('--seed <n>', 'seed of every random choice', wholeNumber(0, 2 ** 31 - 1), 0)
    .option('--schedules <n>', 'stop after so many schedules', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--seconds <n>', 'stop after this time', number(0.01, 1e7, 'seconds'), 60)
    .option(
      '--steps <n>',
      'give a schedule up after so many steps',
      wholeNumber(1, 10_000_000),
      DEFAULT_STEPS,
    )
    .addOption(
      new Option(
        '--timeouts <when>',
        'when a wait with a timeout may time out: if no other thread can go on, at any step, never',
      )
        .choices(['late', 'any', 'never'])
        .default('late'),
    )
    .addOption(
      new Option(
        '--data-races <what>',
        'list data races beside the verdict, or let each of them fail its schedule',
      )
        .choices(['list', 'fail'])
        .default('list'),
    )
    .addOption(exportOption)
    .addOption(plainOption)
    .option(
      '--shard <i/n>',
      'run the i-th of n shares of the schedules of a random strategy, of dfs or of dpor',
      shard,
    )
    .option('--jobs <n>', 'threads that search; more threads give the same answer', wholeNumber(1, 256), 1)
    .addOption(
      new Option(
        '--executor <name>',
        'simulated: all threads in one; lockstep: search simulated, then confirm in real threads, one operation at a time; free: no search, uncontrolled real threads',
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
    .option(
      '--save <file.test.ts>',
      'where a schedule fails, write a test for vitest that runs the schedule again',
    )
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--list', 'list the scenarios that come with irqloom')
    .action(async (args: readonly string[], flags: ExploreFlags, command: Command) => {
      if (flags.guest === undefined) checkGiven(args, flags, givenFlags(command));
      if (flags.list) printText(await listScenarios());
      else if (flags.guest !== undefined) {
        const isGiven = (option: string) => command.getOptionValueSource(option) === 'cli';
        process.exitCode = await exploreGuestCommand(flags.guest, flags, args, isGiven);
      } else process.exitCode = await explore(args, flags);
    });
  return withExamples(addGuestOptions(command), EXAMPLES);
}

async function explore(args: readonly string[], flags: ExploreFlags): Promise<number> {
  checkNoGuest(flags);
  if ((flags.strategy as string) === 'communication')
    throw new IrqError('ERR_USAGE', '--strategy communication is of a guest: add --guest FILE');
  if (args.length === 0) {
    throw new IrqError(
      'ERR_USAGE',
      'name a scenario file, or a scenario that comes with irqloom (--list names them)',
    );
  }
  const all = (await Promise.all(args.map((argument) => findScenarios(argument, flags)))).flat();
  checkOutputs(flags, all);
  // The command opens the outputs before the search, so that no result is lost for want of a place.
  const report = flags.report === undefined ? undefined : new OutputFile(flags.report);
  const save = flags.save === undefined ? undefined : new OutputFile(flags.save);
  const junit = flags.junit === undefined ? undefined : new OutputFile(flags.junit);
  return interruptible(async (signal) => {
    const done: Explored[] = [];
    for (const found of all) {
      if (signal.aborted) break;
      const result = await search(found, flags, signal);
      done.push({ found, result });
      if (!flags.json) printText((done.length > 1 ? '\n' : '') + textOf(found, result, flags));
    }
    if (flags.json) printResult(jsonOf(done, all.length), undefined);
    const [first] = done;
    const page =
      report &&
      first &&
      (await explorePage(first, repeatCommand(first.result, first.found, flags), flags, signal));
    const written = [
      report && (() => report.commit(page ?? '')),
      save && (() => saveTest(save, first, flags.steps)),
      junit && (() => junit.commit(junitOf(done, flags))),
    ].map(attempt);
    const status = signal.aborted ? EXIT.interrupted : worstOf(done.map(({ result }) => exitOf(result)));
    return status === EXIT.held && written.includes(false) ? EXIT.usage : status;
  });
}

async function search({ source }: Found, flags: ExploreFlags, signal: AbortSignal): Promise<Result> {
  const { list, json, report, save, junit, export: name, plain, executor, jobs, runs, ...options } = flags;
  const given = runs === undefined ? {} : { runs };
  const { seed, seconds } = flags;
  const task: SearchTask =
    executor === 'free'
      ? { does: 'free', source, options: { seed, seconds, ...given } }
      : executor === 'lockstep'
        ? { does: 'confirm', source, options: { ...options, ...given } }
        : { does: 'search', source, options, jobs };
  const line = new ProgressLine();
  try {
    const answer = await runSearch(task, seconds, {
      signal,
      onProgress: (progress) => line.show(() => progressText(progress, seconds)),
    });
    return 'unanswered' in answer ? unansweredResult(answer, flags) : (answer as Result);
  } finally {
    line.clear();
  }
}

/** The last known state of a search whose thread was ended by force while code under test was busy. */
function unansweredResult({ unanswered, last }: Unanswered, flags: ExploreFlags): ExploreResult {
  const { schedules, steps, seconds } = last;
  const why =
    unanswered === 'interrupted'
      ? 'interrupted'
      : `the time was over, and a thread had come to no operation since ${plural(schedules, 'schedule')} were done`;
  return {
    scenario: last.scenario,
    strategy: flags.strategy ?? 'auto',
    seed: flags.seed,
    verdict: 'unknown',
    exhausted: false,
    bounded: null,
    ...(unanswered === 'interrupted' ? { interrupted: true as const } : {}),
    schedules,
    dataRaces: [],
    steps,
    seconds,
    schedulesPerSecond: Math.round(schedules / Math.max(seconds, 1e-6)),
    stepsPerSecond: Math.round(steps / Math.max(seconds, 1e-6)),
    coverage: { statement: `${plural(schedules, 'schedule')}, not exhausted; ${why}` },
  };
}

function textOf(found: Found, result: Result, flags: ExploreFlags): string {
  if ('runs' in result) return freeText(result);
  return (
    exploreText(result, repeatCommand(result, found, flags)) +
    ('confirmed' in result ? confirmationText(result) : '')
  );
}

/** One scenario: its result. Several: their results in a list. */
function jsonOf(done: readonly Explored[], named: number): object {
  const head = { schemaVersion: SCHEMA_VERSION, command: 'explore' };
  const [only] = done;
  if (named === 1 && only !== undefined) return { ...head, ...only.result };
  return { ...head, results: done.map(({ found, result }) => ({ file: found.argument, ...result })) };
}

/** A check for each scenario that was run. */
function junitOf(done: readonly Explored[], flags: ExploreFlags): string {
  const cases = done.map(({ found, result }): JUnitCase => {
    const test = { name: result.scenario, about: found.argument, seconds: result.seconds };
    if (result.verdict === 'pass') return test;
    const text = textOf(found, result, flags);
    if (result.verdict === 'unknown')
      return { ...test, error: { message: 'the search ended without an answer', text } };
    const failure = 'failure' in result ? result.failure : undefined;
    return { ...test, failure: { message: failure?.message ?? 'a run of free threads failed', text } };
  });
  const seconds = cases.reduce((sum, each) => sum + (each.seconds ?? 0), 0);
  return junitXml({ name: 'irqloom explore', cases, seconds, properties: { seed: flags.seed } });
}

function saveTest(save: OutputFile, explored: Explored | undefined, steps = DEFAULT_STEPS): void {
  const { result, found } = explored ?? {};
  if (result !== undefined && 'failure' in result && found !== undefined && 'file' in found.source)
    save.commit(regressionTest(result, result.failure as Failure, save.path, found.source, steps));
  else save.discard();
}

/** Whether the file could be written; the error goes to stderr, and the result stands all the same. */
function attempt(write: (() => void) | undefined): boolean {
  try {
    write?.();
    return true;
  } catch (error) {
    exitStatusOf(error);
    return false;
  }
}

function exitOf({ verdict }: { readonly verdict: ExploreResult['verdict'] }): number {
  return verdict === 'fail' ? EXIT.failed : verdict === 'pass' ? EXIT.held : EXIT.noAnswer;
}

/** Of several scenarios: a failure before no answer, no answer before success. */
function worstOf(all: readonly number[]): number {
  if (all.includes(EXIT.failed)) return EXIT.failed;
  return all.includes(EXIT.noAnswer) ? EXIT.noAnswer : EXIT.held;
}

/** The whole command that repeats a failure. */
function repeatCommand(result: Result, { argument }: Found, flags: ExploreFlags): string | undefined {
  const failure = 'failure' in result ? result.failure : undefined;
  if (failure === undefined) return undefined;
  const { steps = DEFAULT_STEPS } = flags;
  const bound = steps === DEFAULT_STEPS ? '' : ` --steps ${steps}`;
  return alone(`npx irqloom replay ${failure.token} ${shellWord(argument)}${loadWords(flags)}${bound}`);
}

const MOST_SHARDS = 1_000_000;

function shard(text: string): { index: number; count: number } {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [index, count] = [Number(i) - 1, Number(n)];
  if (i === undefined || index < 0 || index >= count || count > MOST_SHARDS) {
    throw new IrqError(
      'ERR_USAGE',
      `--shard ${text}: give the form i/n, with i from 1 to n and n at most ${MOST_SHARDS}, such as 1/4`,
    );
  }
  return { index, count };
}
