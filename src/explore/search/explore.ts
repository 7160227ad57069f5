import { IrqError } from '../../base/irq-error.ts';
import { NATIVE } from '../control/controlled-atomics.ts';
import { type CheckedScenario, checkScenario, type Scenario } from '../loading/scenario.ts';
import { EVERYTHING, type Range } from '../memory/ownership.ts';
import { FAILED, LOAD } from '../running/operation.ts';
import { type Simulation, withSimulation } from '../running/simulation.ts';
import type { SimulatorOptions, Timeouts } from '../running/simulator-options.ts';
import { NO_END, OVERDUE, pastDeadline, watchedUntil } from '../running/watchdog.ts';
import { findClosureChanges } from '../telling/closures.ts';
import { toFailure, toShrunkFailure } from '../telling/failure.ts';
import { recordHang } from '../telling/hang.ts';
import { RaceList } from '../telling/race-list.ts';
import type { Recording } from '../telling/record.ts';
import type { ExploreResult, Failure } from '../telling/result.ts';
import { resultOf } from './account.ts';
import { Causes } from './causes.ts';
import { ClassCounter } from './classes.ts';
import { confirmFailure, type Suspect, suspectOf } from './confirmation.ts';
import { DEFAULT_SECONDS, DEFAULT_STEPS, type ExploreOptions, hangSecondsOf } from './explore-options.ts';
import { Observations } from './observations.ts';
import { omissionsOf } from './omissions.ts';
import type { Part, PartResult } from './part.ts';
import { type Phase, planPhases, restOf, type Shares, stateOf } from './phases.ts';
import { takeProfile } from './profile.ts';
import type { Progress } from './progress.ts';
import { shrink } from './shrink.ts';
import { shardIndex, sharesOf } from './split.ts';
import type { RunEnd } from './strategies/strategy.ts';

/** How many schedules of a random strategy are sorted into classes; the others run without being recorded. */
export const CLASSIFIED = 10_000;
const SHRINK_SCHEDULES = 200_000;
/** The length of a batch under one watchdog, and the schedules between two looks at the clock. */
const BATCH_MS = 100;
const CLOCK_EVERY = 32;
const LONG_STEPS = 256;

// Taken before the clock is put under control.
const nowMs = performance.now.bind(performance);

/**
 * Runs a scenario under one schedule after the other, until one fails, all are done, or the budget is spent.
 * All in the calling thread. During the search, Atomics, Date, Math.random and similar functions are
 * replaced; the search restores them at its end.
 * @throws IrqError `ERR_SCENARIO` for no scenario, `ERR_USAGE` for options, `ERR_UNSUPPORTED` for code out of
 *   control.
 */
export function explore<S, O = unknown>(
  scenario: Scenario<S, O>,
  options: ExploreOptions = {},
): ExploreResult {
  return exploreChecked(checkScenario(scenario), options);
}

/** {@link explore} for a scenario that has been checked already. */
export function exploreChecked(scenario: CheckedScenario, options: ExploreOptions = {}): ExploreResult {
  const { seed = 0, steps = DEFAULT_STEPS } = options;
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 10_000_000)) {
    throw new IrqError('ERR_USAGE', `steps has to be a whole number from 1 to 10000000, and is ${steps}`);
  }
  // Which threads touch which bytes in the other shards is not known here: there every plain access is a point.
  const shared = options.shard === undefined ? [] : EVERYTHING;
  const started = nowMs();
  const limits = limitsOf(options, shared);
  return withSimulation(scenario, seed, limits, (simulation) =>
    new Exploration(simulation, withTimeLeft(options, started), started).run(),
  );
}

function limitsOf(options: ExploreOptions, shared: readonly Range[]): SimulatorOptions {
  const { steps = DEFAULT_STEPS, timeouts = 'late', dataRaces } = options;
  const hangMs = hangSecondsOf(options) * 1000;
  return { maxSteps: steps, timeouts, shared, hangMs, failsOnRace: dataRaces === 'fail' };
}

/** The options, with the time that a restarted search has left. */
function withTimeLeft(options: ExploreOptions, started: number): ExploreOptions {
  return { ...options, seconds: (options.seconds ?? DEFAULT_SECONDS) - (nowMs() - started) / 1000 };
}

/** Explores one piece. */
export function explorePart(scenario: CheckedScenario, options: ExploreOptions, part: Part): PartResult {
  const { seed = 0 } = options;
  const started = nowMs();
  let begins = 0;
  return withSimulation(scenario, seed, limitsOf(options, part.shared), (simulation) => {
    const exploration = new Exploration(simulation, withTimeLeft(options, started), started, part);
    const begun = ++begins;
    return exploration.toPart(exploration.run(), begun > 1);
  });
}

class Exploration {
  readonly #part: Part | undefined;
  readonly #simulation: Simulation;
  readonly #options: ExploreOptions;
  readonly #seed: number;
  readonly #timeouts: Timeouts;
  readonly #classes = new ClassCounter();
  readonly #races = new RaceList();
  readonly #causes: Causes | undefined;
  readonly #outcomes = new Map<string, number>();
  readonly #deadline: number;
  #schedules = 0;
  /** Schedules begun, including those that showed nothing new: a budget counts these. */
  #runs = 0;
  #steps = 0;
  #failures = 0;
  #foundAt = 0;
  #foundBy = '';
  #running = '';
  #found: Recording | undefined;
  /** A schedule that has failed, and is not confirmed yet. */
  #suspect: Suspect | undefined;
  #hang: Failure | undefined;
  readonly #observations = new Observations();
  /** The start of the search, before any restart, ms. */
  readonly #started: number;
  #exhausted = false;
  #outOfTime = false;
  #interrupted = false;
  /** The search that was going on at the end has cut schedules off. */
  #cutShort = false;
  #bound = '';
  #search: Phase['search'];

  constructor(simulation: Simulation, options: ExploreOptions, started: number, part?: Part) {
    const { seed = 0, timeouts = 'late' } = options;
    this.#part = part;
    this.#causes = part?.byCause ? new Causes() : undefined;
    this.#simulation = simulation;
    this.#options = options;
    this.#started = started;
    this.#seed = seed;
    this.#timeouts = timeouts;
    this.#deadline = nowMs() + (options.seconds ?? DEFAULT_SECONDS) * 1000;
  }

  run(): ExploreResult {
    const { scenario, simulator } = this.#simulation;
    const { shard, strategy } = this.#options;
    if (shard !== undefined && strategy === 'states') {
      throw new IrqError(
        'ERR_USAGE',
        'states cannot be divided among shards: its next schedules follow from all earlier ones; dpor, dfs and the random strategies can',
      );
    }
    const profile = this.#watch(() => takeProfile(simulator));
    let phases: Phase[] = [];
    let last: Phase | undefined;
    if (profile !== undefined) {
      this.#simulation.lookAtModules();
      phases = planPhases(this.#options, profile, this.#shares);
      if (this.#hang !== undefined) phases = [];
      if (this.#part !== undefined) phases = phases.slice(this.#part.phase, this.#part.phase + 1);
      for (const phase of phases) {
        last = phase;
        this.#runPhase(phase);
        if (this.#hang !== undefined || this.#exhausted || this.#isOver() || this.#isFound()) break;
        if (this.#budgetSpent() !== undefined) break;
      }
    }
    if (this.#hang === undefined && !this.#isFound()) this.#simulation.memory.lookAtLast();
    this.#simulation.lookAtModules();
    this.#search = last?.search;
    const endedMs = nowMs();
    const failure = this.#hang ?? this.#shrinkFound();
    const dataRaces =
      this.#watch(() =>
        pastDeadline(() => this.#races.describe(this.#simulation, this.#seed, this.#timeouts)),
      ) ?? [];
    this.#observations.addLeft(this.#simulation.left);
    const closures =
      this.#hang === undefined
        ? this.#watch(() => findClosureChanges(this.#simulation, failure !== undefined))
        : undefined;
    return resultOf({
      scenario,
      options: this.#options,
      seed: this.#seed,
      startedMs: this.#started,
      endedMs,
      failure,
      exhausted: this.#exhausted,
      schedules: this.#schedules,
      steps: this.#steps,
      failures: this.#failures,
      foundAt: this.#foundAt,
      foundBy: this.#foundBy,
      bound: this.#bound,
      search: last?.search,
      classes: this.#classes,
      outcomes: this.#outcomes,
      dataRaces,
      sawPlain: simulator.races !== undefined,
      closures: closures ?? [],
      outOfTime: this.#outOfTime,
      interrupted: this.#interrupted,
      budgetSpent: this.#budgetSpent(),
      gaps: this.#schedules === 0 || this.#part !== undefined ? [] : this.#observations.gaps(scenario),
      omissions: this.#omissions(),
    });
  }

  toPart(result: ExploreResult, restarted: boolean): PartResult {
    const search = this.#search;
    return {
      result,
      runs: this.#runs,
      outOfTime: this.#outOfTime,
      exhausted: this.#exhausted,
      interrupted: this.#interrupted,
      observed: this.#observations.toPlain(),
      omissions: this.#omissions(),
      owners: this.#simulation.ownership.owners(),
      restarted,
      sawPlain: this.#simulation.simulator.races !== undefined,
      bound: this.#bound,
      search: search && stateOf(search),
      classes: this.#classes.entries(),
      rest: this.#outOfTime || this.#interrupted ? search && restOf(search) : undefined,
      causes: this.#causes?.toPlain(this.#simulation, this.#seed, this.#timeouts) ?? [],
    };
  }

  /** The share of this part, or of this shard; undefined for the whole search. */
  get #shares(): Shares {
    const { shard } = this.#options;
    const part = this.#part;
    if (part !== undefined) return { piecesOf: () => part.pieces, subtrees: () => part.subtrees };
    return sharesOf(this.#simulation.simulator, shard, { dfs: shard?.count, dpor: shard?.count }, (body) =>
      this.#hang === undefined ? this.#watch(body) : undefined,
    );
  }

  #omissions(): string[] {
    const { steps = DEFAULT_STEPS } = this.#options;
    const strayed = this.#search !== undefined && 'strayed' in this.#search && this.#search.strayed;
    return omissionsOf(this.#simulation, { steps, cutShort: this.#cutShort, strayed });
  }

  /** As many schedules as were asked for, where a number was asked for and has been run. */
  #budgetSpent(): number | undefined {
    const { schedules } = this.#options;
    return schedules !== undefined && this.#runs >= schedules ? schedules : undefined;
  }

  #isFound(): boolean {
    return this.#found !== undefined && !this.#options.all;
  }

  #runPhase(phase: Phase): void {
    const { simulator } = this.#simulation;
    this.#running = phase.strategy.name;
    simulator.cutShort = false;
    const { shard } = this.#options;
    const { from = 0, count = Infinity, classified = CLASSIFIED } = this.#part ?? {};
    const budget = Math.min(phase.most, count, (this.#options.schedules ?? Infinity) - this.#runs);
    let done = 0;
    let ended = false;
    while (!ended && done < budget && !this.#isFound() && !this.#isOver() && this.#hang === undefined) {
      this.#watch(() => {
        const until = Math.min(this.#deadline, nowMs() + BATCH_MS);
        for (let i = 1; done < budget; i++) {
          // Also after each long one: a batch of those is far over its time else.
          if ((i % CLOCK_EVERY === 0 || simulator.steps > LONG_STEPS) && nowMs() > until) break;
          // Blocks are dealt out to the shards in turn.
          const k = from + done;
          const index = shard === undefined || phase.search !== undefined ? k : shardIndex(k, shard);
          simulator.recordAlways = phase.search === undefined && this.#classes.schedules < classified;
          const how = simulator.run(phase.strategy, index);
          if (how === undefined) {
            ended = true;
            break;
          }
          if (phase.strategy.retraced === true) continue;
          done++;
          this.#runs++;
          this.#count(how);
          if (this.#suspect !== undefined) break;
        }
      });
      this.#confirm();
      this.#outOfTime = nowMs() >= this.#deadline;
      this.#report('search', phase.search);
    }
    simulator.recordAlways = false;
    this.#cutShort = phase.search !== undefined && simulator.cutShort;
    // A search that came to its end was in time, and not interrupted.
    if (ended) this.#outOfTime = this.#interrupted = false;
    if (!ended || phase.search === undefined) return;
    // A shard cannot tell whether the bound has cut something off in the others' shares.
    const complete = !('cut' in phase.search) || !(phase.search.cut || this.#options.shard !== undefined);
    this.#bound = phase.strategy.name;
    const asked = this.#options.strategy !== undefined && this.#options.strategy !== 'auto';
    this.#exhausted = complete || asked;
  }

  #isOver(): boolean {
    this.#interrupted ||= this.#isStopped();
    return this.#outOfTime || this.#interrupted;
  }

  #isStopped(): boolean {
    const { stopWord } = this.#options;
    return stopWord !== undefined && NATIVE[LOAD]?.(stopWord, 0) !== 0;
  }

  #report(stage: Progress['stage'], search?: Phase['search']): void {
    this.#options.onProgress?.({
      stage,
      scenario: this.#simulation.scenario.name,
      phase: this.#running,
      schedules: this.#schedules,
      steps: this.#steps,
      seconds: (nowMs() - this.#started) / 1000,
      ...(search === undefined || !('cut' in search) ? {} : { fraction: Math.min(1, search.fraction) }),
      failed: stage === 'shrink' || this.#found !== undefined,
    });
  }

  #count(how: RunEnd): void {
    const { simulator } = this.#simulation;
    this.#steps += simulator.steps;
    // Steps of other threads after one has thrown are part of no schedule.
    if (how === 'pruned' && simulator.pending.some(({ op }) => op === FAILED)) return;
    this.#observations.addSchedule(simulator.done);
    this.#races.add(this.#simulation);
    // A schedule that shows nothing new does not count as run.
    if (how === 'pruned') return;
    const n = ++this.#schedules;
    if ((n & (n - 1)) === 0) this.#simulation.checkPlainData();
    if (simulator.recordAlways) this.#classes.add(simulator);
    if (simulator.outcome !== undefined) {
      this.#outcomes.set(simulator.outcome, (this.#outcomes.get(simulator.outcome) ?? 0) + 1);
    }
    if (how === 'ended') return;
    this.#failures++;
    const isNew = this.#causes?.add(this.#simulation, how) ?? false;
    if (this.#found === undefined || isNew) this.#suspect = suspectOf(simulator);
  }

  /** Confirms the last failing schedule step by step; apart, as the check may take long and be restarted. */
  #confirm(): void {
    const suspect = this.#suspect;
    if (suspect === undefined) return;
    this.#suspect = undefined;
    this.#simulation.checkPlainData();
    const recording = this.#watch(() => pastDeadline(() => confirmFailure(this.#simulation, suspect)));
    this.#causes?.confirm(recording);
    if (recording === undefined) this.#failures--;
    else if (this.#found === undefined) {
      this.#found = recording;
      this.#foundAt = this.#schedules;
      this.#foundBy = this.#running;
    }
  }

  #shrinkFound(): Failure | undefined {
    const found = this.#found;
    if (found === undefined) return undefined;
    if (this.#options.shrink === false) return this.#toFailure(found, 'best-found');
    const hangMs = hangSecondsOf(this.#options) * 1000;
    this.#report('shrink');
    const budget = { schedules: SHRINK_SCHEDULES, hangMs, isStopped: () => this.#isStopped() };
    const shrunk = shrink(this.#simulation, found, budget);
    return toShrunkFailure(this.#simulation, shrunk, this.#seed, this.#timeouts);
  }

  #toFailure(recording: Recording, minimal: Failure['minimal']): Failure {
    return toFailure(this.#simulation, recording, minimal, this.#seed, this.#timeouts);
  }

  /** Runs a part under the watchdog; records a hang as a failure. */
  #watch<T>(body: () => T): T | undefined {
    const seconds = hangSecondsOf(this.#options);
    const result = watchedUntil(this.#deadline, seconds * 1000, body);
    if (result === OVERDUE) {
      this.#simulation.runner.abandon();
      this.#outOfTime = true;
      return undefined;
    }
    if (result !== NO_END) return result;
    this.#foundAt = ++this.#schedules;
    this.#foundBy = this.#running;
    this.#failures++;
    this.#steps += this.#simulation.simulator.steps;
    this.#report('shrink');
    this.#hang = recordHang(this.#simulation, seconds, this.#seed, this.#timeouts);
    return undefined;
  }
}

/** As {@link explore}, but counts every failing schedule; `exhausted`: the search has run all schedules. */
export function exploreAll<S, O = unknown>(
  scenario: Scenario<S, O>,
  options: ExploreOptions = {},
): ExploreResult {
  return explore(scenario, { strategy: 'dpor', ...options, all: true });
}
