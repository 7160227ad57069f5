import { Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import type { Race } from '../races/race.ts';
import { runRaces } from '../races/races-thread.ts';
import { heldUp, type RaceOptions, type RaceRun } from '../races/run.ts';
import { junitXml } from '../report/junit.ts';
import { racesSuite } from '../report/junit-results.ts';
import { racesHtml } from '../report/races-html.ts';
import { racesText, raceText } from '../report/races-text.ts';
import { plural } from '../report/units.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, printText } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

const SCHEMA_VERSION = 1;

type Flags = RaceOptions & { json?: boolean; junit?: string; report?: string };

const EXAMPLES = [
  ['races --runs 0', 'the whole catalogue, without free threads'],
  ['races check-then-halt', 'the story of one race, and its schedule'],
] as const;

/** `irqloom races`: finds every bug of the catalogue, and shows that each fix holds. */
export function racesCommand(): Command {
  const command = new Command('races')
    .summary(
      'find the races of the catalogue, known from KVM and other hypervisors, and check that their fixes hold',
    )
    .description(
      'Each race is a fault that was found in KVM, a VMM or a hypervisor, or that a guard in their code is there for, as two small programs: one that has it, and one that has not, which is the machine itself wherever the machine has that mechanism. The first is searched for a schedule that fails, without a hint; the second is run under every schedule, or as many as the time allows. With the name of a race its story is told, and the failing schedule shown.\n' +
        'Exit status 1 if a bug was not found with its symptom, or a fix did not hold.',
    )
    .argument('[slug...]', 'names or numbers of races; all where none is given')
    .option('--seed <n>', 'seed of every random choice', wholeNumber(0, 2 ** 31 - 1), 0)
    .option(
      '--seconds <n>',
      'how long to look at each variant of each race, at most',
      number(0.1, 86_400, 'seconds'),
      10,
    )
    .option(
      '--runs <n>',
      'how often uncontrolled real threads run the buggy variant, to see how often luck meets the bug; 0: not at all',
      wholeNumber(0, 2 ** 31 - 1),
      10_000,
    )
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--report <file>', 'write the catalogue with its stories and schedules as one HTML file')
    .action(async (slugs: string[], flags: Flags) => {
      process.exitCode = await races(slugs, flags);
    });
  return withExamples(command, EXAMPLES);
}

async function races(
  slugs: readonly string[],
  { seed, seconds, runs: freeRuns, json, junit, report }: Flags,
): Promise<number> {
  const { RACES } = await import('../races/index.ts');
  const chosen = slugs.length === 0 ? RACES : slugs.map((slug) => findRace(RACES, slug));
  const outputs = new Outputs();
  const xml = outputs.open(junit);
  const page = outputs.open(report);
  const line = new ProgressLine();
  const started = performance.now();
  let interrupted = false;
  const runs = await interruptible(async (signal) => {
    const each = (done: number) =>
      line.share(done / chosen.length, `${done} of ${chosen.length}, ${chosen[done]?.slug}`);
    const done = await runRaces(chosen, { seed, seconds, runs: freeRuns }, { signal, each });
    interrupted = signal.aborted;
    return done;
  }).finally(() => line.clear());
  const spent = (performance.now() - started) / 1000;
  const text = () => (slugs.length === 0 ? racesText(runs, seed, spent) : runs.map(raceText).join('\n'));
  printResult(resultOf(runs, seed, spent, interrupted), json ? undefined : text);
  if (interrupted && !json)
    printText(`interrupted: ${chosen.length - runs.length} of ${plural(chosen.length, 'race')} not run\n`);
  outputs.plan(xml, () => junitXml(racesSuite(runs, seed, spent)));
  outputs.plan(page, () => racesHtml(runs, seed, spent));
  const all = runs.every(({ result }) => heldUp(result));
  return outputs.write(all ? (interrupted ? EXIT.interrupted : EXIT.held) : EXIT.failed);
}

function resultOf(runs: readonly RaceRun[], seed: number, seconds: number, interrupted: boolean) {
  const races = runs.map(({ result }) => result);
  return {
    schemaVersion: SCHEMA_VERSION,
    command: 'races',
    seed,
    races,
    seconds,
    ...(interrupted ? { interrupted: true as const } : {}),
  };
}

function findRace(all: readonly Race[], slug: string): Race {
  const found = all.find((race) => race.slug === slug || String(race.number) === slug);
  if (found) return found;
  const names = all.map((race) => race.slug);
  throw new IrqError(
    'ERR_USAGE',
    `there is no race "${slug}"${didYouMean(slug, names)}\nthere are: ${names.join(', ')}`,
  );
}
