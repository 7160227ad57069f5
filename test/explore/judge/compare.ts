/** Holds the explorer against the judge on one program. */

import { checkScenario } from '../../../src/explore/loading/scenario.ts';
import { EVERYTHING } from '../../../src/explore/memory/ownership.ts';
import { type Simulation, withSimulation } from '../../../src/explore/running/simulation.ts';
import { explore } from '../../../src/explore/search/explore.ts';
import { type Bound, Dfs } from '../../../src/explore/search/strategies/dfs.ts';
import { Dpor } from '../../../src/explore/search/strategies/dpor.ts';
import { States } from '../../../src/explore/search/strategies/states.ts';
import type { RunEnd, Strategy } from '../../../src/explore/search/strategies/strategy.ts';
import { type Counts, type Judged, judge, type Limits, type Timeouts } from './brute-force.ts';
import { classKey } from './classes.ts';
import { digest } from './digest.ts';
import { toScenario } from './javascript.ts';
import type { Program } from './program.ts';
import { hasPlain } from './random-program.ts';

export const TIMEOUTS: readonly Timeouts[] = ['late', 'any', 'never'];
const BOUNDS = [0, 1, 2, 3];

/** What was compared on a program; undefined where the judge found it too large. */
export type Comparison = {
  readonly differences: readonly string[];
  readonly schedules: number;
  readonly longest: number;
};

/** How the searches that are compared are made. */
export type Searches = {
  dfs(bound?: Bound): Strategy;
  dpor(): Strategy;
  states(): Strategy;
};

const SEARCHES: Searches = {
  dfs: (bound) => new Dfs(bound),
  dpor: () => new Dpor(),
  states: () => new States(),
};

/** Compares all that both can tell of a program, under every rule for timeouts. */
export function compare(
  program: Program,
  limits: Limits,
  searches: Searches = SEARCHES,
): Comparison | undefined {
  const differences: string[] = [];
  let schedules = 0;
  let longest = 0;
  for (const timeouts of TIMEOUTS) {
    const judged = judge(program, timeouts, limits);
    if (judged === undefined) return undefined;
    const check = (what: string, saw: unknown, right: unknown): void => {
      const [is, should] = [JSON.stringify(saw), JSON.stringify(right)];
      if (is !== should) differences.push(`${timeouts}: ${what}: ${is}, and ${should} is right`);
    };
    schedules += judged.counts.schedules;
    longest = Math.max(longest, judged.longest);
    if (judged.countsRounds) {
      compareWhatIsSaid(program, timeouts, judged, limits, searches, check);
      continue;
    }
    const classes = compareDfs(program, timeouts, judged, limits, searches, check);
    compareDpor(program, timeouts, judged, limits, searches, classes, check);
    compareStates(program, timeouts, judged, limits, searches, check);
    // Under one of the rules, by turns: shrinking takes longer than all else.
    if (timeouts === TIMEOUTS[program.seed % TIMEOUTS.length])
      compareVerdicts(program, timeouts, judged, check);
  }
  return { differences, schedules, longest };
}

type Check = (what: string, saw: unknown, right: unknown) => void;

function compareDfs(
  program: Program,
  timeouts: Timeouts,
  judged: Judged,
  limits: Limits,
  searches: Searches,
  check: Check,
): ReadonlySet<string> {
  const all = run(program, timeouts, limits, searches.dfs());
  check('schedules of dfs', all.counts, judged.counts);
  checkOutcomes('dfs', all.outcomes, judged.outcomes, check);
  for (const most of BOUNDS) {
    const within = (kind: 'preemptions' | 'delays'): Counts =>
      run(program, timeouts, limits, searches.dfs({ kind, most })).counts;
    check(`schedules within ${most} preemptions`, within('preemptions'), upTo(judged.byPreemptions, most));
    check(`schedules within ${most} delays`, within('delays'), upTo(judged.byDelays, most));
  }
  return all.classes;
}

/** @param classes - those of all schedules. */
function compareDpor(
  program: Program,
  timeouts: Timeouts,
  judged: Judged,
  limits: Limits,
  searches: Searches,
  classes: ReadonlySet<string>,
  check: Check,
): void {
  const each = run(program, timeouts, limits, searches.dpor());
  checkOutcomes('dpor', each.outcomes, judged.outcomes, check);
  checkOutcomes('dpor, as classes,', each.classes, classes, check);
  check('schedules of dpor', each.counts.schedules, classes.size);
}

/** Schedules that come to a state that was met are given up, and all that can come out still does. */
function compareStates(
  program: Program,
  timeouts: Timeouts,
  judged: Judged,
  limits: Limits,
  searches: Searches,
  check: Check,
): void {
  const ends = run(program, timeouts, limits, searches.states());
  checkOutcomes('states', ends.outcomes, judged.outcomes, check);
  if (ends.counts.schedules > judged.counts.schedules)
    check('schedules of states', ends.counts.schedules, `at most ${judged.counts.schedules}`);
}

/** The public face: verdict, what it says of it, and the smallest failure. */
function compareVerdicts(program: Program, timeouts: Timeouts, judged: Judged, check: Check): void {
  const fails = judged.counts.threw + judged.counts.stuck > 0;
  for (const strategy of ['dfs', 'dpor', 'states', 'auto'] as const) {
    const scenario = toScenario(program);
    const shrink = strategy === 'auto';
    const result = explore(scenario, { strategy, timeouts, seed: program.seed, seconds: 30, shrink });
    // A thread that has bytes to itself has no steps, and nothing is said of a thread without steps.
    if (hasPlain(program) && !fails && result.verdict === 'unknown') continue;
    check(`verdict of ${strategy}`, result.verdict, fails ? 'fail' : 'pass');
    if (!fails) check(`${strategy} is exhausted`, result.exhausted, true);
    const { failure } = result;
    if (failure?.kind !== 'exception' || failure.minimal !== 'proved' || hasPlain(program)) continue;
    // Two threads may have thrown at the end: the failure is that of the thread that the message begins with.
    const thread = Number(/^t(\d+): /.exec(failure.message)?.[1]);
    const { preemptions, steps } = failure;
    check(`smallest failure of ${strategy}`, { preemptions, steps }, judged.smallest.get(thread));
  }
}

/**
 * Where a thread counts its rounds, a search need not be whole; where it is not, it says so. Failures that are found are real,
 * memory ends in no other way than it can, and a search that calls itself exhausted has met every such end.
 */
function compareWhatIsSaid(
  program: Program,
  timeouts: Timeouts,
  judged: Judged,
  limits: Limits,
  searches: Searches,
  check: Check,
): void {
  const fails = judged.counts.threw + judged.counts.stuck > 0;
  const ends = (outcomes: ReadonlySet<string>) => new Set([...outcomes].map(endOf));
  const right = ends(judged.outcomes);
  for (const strategy of ['dfs', 'dpor', 'states', 'auto'] as const) {
    const scenario = toScenario(program);
    const result = explore(scenario, { strategy, timeouts, seed: program.seed, seconds: 30, shrink: false });
    if (result.verdict === 'fail' || result.exhausted)
      check(`verdict of ${strategy}`, result.verdict, fails ? 'fail' : 'pass');
    if (strategy === 'auto') continue;
    const saw = ends(run(program, timeouts, limits, searches[strategy]()).outcomes);
    // A search that fails has ended early, and one that is exhausted has not.
    const isWhole = result.exhausted && result.verdict === 'pass';
    checkOutcomes(strategy, saw, isWhole ? right : new Set([...right].filter((end) => saw.has(end))), check);
  }
}

/** How an outcome ended and what memory holds then, without what the threads saw on the way. */
function endOf(outcome: string): string {
  return outcome.split(' ').slice(0, 3).join(' ');
}

function checkOutcomes(
  what: string,
  saw: ReadonlySet<string>,
  right: ReadonlySet<string>,
  check: Check,
): void {
  const lost = [...right].filter((outcome) => !saw.has(outcome));
  const invented = [...saw].filter((outcome) => !right.has(outcome));
  check(`outcomes that ${what} loses`, lost.slice(0, 3), []);
  check(`outcomes that ${what} invents`, invented.slice(0, 3), []);
}

function upTo(counts: readonly Counts[], most: number): Counts {
  const sum = { schedules: 0, threw: 0, stuck: 0 };
  for (const each of counts.slice(0, most + 1)) {
    sum.schedules += each?.schedules ?? 0;
    sum.threw += each?.threw ?? 0;
    sum.stuck += each?.stuck ?? 0;
  }
  return sum;
}

/** All schedules of a strategy, counted, with what came out of each. */
function run(
  program: Program,
  timeouts: Timeouts,
  limits: Limits,
  strategy: Strategy,
): { counts: Counts; outcomes: Set<string>; classes: Set<string> } {
  const scenario = checkScenario(toScenario(program));
  const counts = { schedules: 0, threw: 0, stuck: 0 };
  const outcomes = new Set<string>();
  const classes = new Set<string>();
  // Every access is a step here, as it is for the judge; the explorer leaves out those to bytes of one thread.
  const options = { maxSteps: limits.steps * 4, timeouts, shared: EVERYTHING };
  withSimulation(scenario, 1, options, (simulation) => {
    simulation.simulator.recordAlways = true;
    for (let i = 0; counts.schedules <= limits.schedules * 2; i++) {
      const how = simulation.simulator.run(strategy, i);
      if (how === undefined) break;
      if (how === 'pruned') continue;
      counts.schedules++;
      if (how === 'failed') counts.threw++;
      else if (how !== 'ended') counts.stuck++;
      outcomes.add(outcomeOf(simulation, how));
      classes.add(classKey(simulation.simulator));
    }
  });
  return { counts, outcomes, classes };
}

/** As the judge writes it: how it ended, the thread that threw, memory, and the values that each thread saw. */
export function outcomeOf({ simulator, memory }: Simulation, how: RunEnd): string {
  const threw = how === 'failed' && simulator.fault?.kind === 'threw' ? simulator.fault.thread : -1;
  const bytes = Buffer.from(new Uint8Array(memory.buffers[0] as SharedArrayBuffer).slice()).toString('hex');
  const seen = simulator.answers.map((answers, t) => {
    const count = (simulator.done[t] as number) - ((simulator.waiting >>> t) & 1);
    return `${count}:${answers.slice(0, count).reduce<number>((sum, answer) => digest(sum, answer), 0)}`;
  });
  return `${how === 'failed' ? 'threw' : how} ${threw} ${bytes} ${seen}`;
}
