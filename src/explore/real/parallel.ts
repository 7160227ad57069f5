import { fromPlain } from '../../errors/irq-error.ts';
import { ClassCounter } from '../classes.ts';
import { describeCoverage } from '../coverage.ts';
import {
  CLASSIFIED,
  DEFAULT_SECONDS,
  type ExploreOptions,
  exploreChecked,
  type Part,
  type PartResult,
} from '../explore.ts';
import { type Phase, planPhases } from '../phases.ts';
import { takeProfile } from '../profile.ts';
import type { ExploreResult } from '../result.ts';
import type { CheckedScenario } from '../scenario.ts';
import { withSimulation } from '../simulation.ts';
import type { ScenarioSource } from '../source.ts';
import { BLOCK } from '../strategies/strategy.ts';
import { NO_END, watched } from '../watchdog.ts';
import type { PartAnswer, PartTask } from './explore-entry.ts';
import { RealThreads } from './pool.ts';

/** A piece of a random strategy: whole blocks, since a strategy learns within one. */
const PIECE = 4 * BLOCK;
const HANG_SECONDS = 10;

/**
 * Explores on several cores: pieces of the random strategies, and the bounded searches, each in a thread of its own.
 * Pieces are put together in the order in which one thread would have run them, and what comes after a failure is
 * dropped: the answer is that of one thread, whatever the number of jobs, unless time runs out.
 * @param source - where the threads find the scenario.
 * @param jobs - how many threads.
 */
export async function exploreInParallel(
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: ExploreOptions,
  jobs: number,
): Promise<ExploreResult> {
  const phases = jobs > 1 ? planned(scenario, options) : undefined;
  // Where a thread does not come to its end there is nothing to share out: one thread says so.
  if (phases === undefined) return exploreChecked(scenario, options);
  const pool = new RealThreads(jobs);
  try {
    return await new Parallel(scenario, source, options, phases, pool, jobs).run();
  } finally {
    await pool.destroy();
  }
}

function planned(scenario: CheckedScenario, options: ExploreOptions): readonly Phase[] | undefined {
  const { seed = 0, steps = 10_000, timeouts = 'late', hangSeconds = HANG_SECONDS } = options;
  return withSimulation(scenario, seed, { maxSteps: steps, timeouts }, ({ simulator, runner }) => {
    const profile = watched(hangSeconds * 1000, () => takeProfile(simulator));
    if (profile !== NO_END) return planPhases(options, profile);
    runner.abandon();
    return undefined;
  });
}

class Parallel {
  readonly #scenario: CheckedScenario;
  readonly #source: ScenarioSource;
  readonly #options: ExploreOptions;
  readonly #phases: readonly Phase[];
  readonly #pool: RealThreads;
  readonly #jobs: number;
  readonly #started = performance.now();
  readonly #classes = new ClassCounter();
  readonly #outcomes = new Map<string, number>();
  #schedules = 0;
  #steps = 0;
  #failures = 0;
  #foundAt = 0;
  #foundBy = '';
  #failure: ExploreResult['failure'];
  #last: PartResult | undefined;
  #bound = '';
  #exhausted = false;
  #plain = '';

  constructor(
    scenario: CheckedScenario,
    source: ScenarioSource,
    options: ExploreOptions,
    phases: readonly Phase[],
    pool: RealThreads,
    jobs: number,
  ) {
    this.#scenario = scenario;
    this.#source = source;
    this.#options = options;
    this.#phases = phases;
    this.#pool = pool;
    this.#jobs = jobs;
  }

  async run(): Promise<ExploreResult> {
    const parts = this.#parts();
    const inFlight: { part: Part; answer: Promise<PartAnswer> }[] = [];
    for (;;) {
      while (inFlight.length < this.#jobs && parts.length > 0) {
        // A search with a budget has to know how much of it is left.
        const waits = this.#options.schedules !== undefined && this.#isSearch(parts[0]);
        if (waits && inFlight.length > 0) break;
        const part = parts.shift();
        if (part === undefined || (waits && this.#left() === 0)) break;
        inFlight.push({ part, answer: this.#send(part) });
      }
      const next = inFlight.shift();
      if (next === undefined) break;
      const answer = await next.answer;
      if ('error' in answer) throw fromPlain(answer.error);
      this.#take(answer.value);
      const failed = this.#failure !== undefined && !this.#options.all;
      if (failed || this.#exhausted || answer.value.outOfTime) break;
    }
    return this.#result();
  }

  /** All pieces in the order in which one thread runs them. */
  #parts(): Part[] {
    let before = 0;
    return this.#phases.flatMap((phase, i): Part[] => {
      if (phase.search !== undefined) return [{ phase: i, from: 0, count: Infinity, classified: 0 }];
      const parts: Part[] = [];
      const most = Math.min(phase.most, (this.#options.schedules ?? Infinity) - before);
      for (let from = 0; from < most; from += PIECE) {
        const classified = Math.max(0, CLASSIFIED - before - from);
        parts.push({ phase: i, from, count: Math.min(PIECE, most - from), classified });
      }
      before += Math.max(0, most);
      return parts;
    });
  }

  #isSearch(part: Part | undefined): boolean {
    return part !== undefined && this.#phases[part.phase]?.search !== undefined;
  }

  /** Schedules that the budget has left. */
  #left(): number {
    return Math.max(0, (this.#options.schedules ?? Infinity) - this.#schedules);
  }

  #send(part: Part): Promise<PartAnswer> {
    const spent = (performance.now() - this.#started) / 1000;
    const seconds = Math.max(0, (this.#options.seconds ?? DEFAULT_SECONDS) - spent);
    const schedules =
      this.#isSearch(part) && this.#options.schedules !== undefined ? this.#left() : undefined;
    const options = { ...this.#options, seconds, ...(schedules === undefined ? {} : { schedules }) };
    const task: PartTask = { source: this.#source, options, part };
    const answer = this.#pool.run<PartAnswer>('explore', task);
    // Those that are not looked at any more end with the pool.
    answer.catch(() => {});
    return answer;
  }

  /** Adds the next piece. */
  #take(part: PartResult): void {
    const { result } = part;
    this.#last = part;
    if (this.#failure === undefined && result.failure !== undefined) {
      this.#failure = result.failure;
      this.#foundAt = this.#schedules + (result.foundAt ?? 0);
      this.#foundBy = result.foundBy ?? '';
    }
    this.#schedules += result.schedules;
    this.#steps += result.steps;
    this.#failures += result.failures ?? 0;
    this.#classes.merge(part.classes);
    for (const [outcome, times] of Object.entries(result.outcomes ?? {})) {
      this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + times);
    }
    if (part.bound !== '') this.#bound = part.bound;
    this.#exhausted = result.exhausted;
    if (this.#plain === '') this.#plain = part.plain;
  }

  #result(): ExploreResult {
    const { scenario, options } = { scenario: this.#scenario, options: this.#options };
    const failure = this.#failure;
    const { search, outOfTime = true } = this.#last ?? {};
    const seconds = Math.max(1e-6, (performance.now() - this.#started) / 1000);
    const completed = this.#exhausted || this.#bound !== '' || (search === undefined && !outOfTime);
    const { classes } = this.#classes;
    return {
      scenario: scenario.name,
      strategy: options.strategy ?? 'auto',
      seed: options.seed ?? 0,
      verdict: failure !== undefined ? 'fail' : completed ? 'pass' : 'unknown',
      exhausted: this.#exhausted,
      schedules: this.#schedules,
      steps: this.#steps,
      ...(classes > 0 ? { classes } : {}),
      seconds,
      schedulesPerSecond: Math.round(this.#schedules / seconds),
      stepsPerSecond: Math.round(this.#steps / seconds),
      ...(options.all ? { failures: this.#failures } : {}),
      ...(this.#foundAt > 0 ? { foundAt: this.#foundAt } : {}),
      ...(this.#foundBy === '' ? {} : { foundBy: this.#foundBy }),
      ...(failure === undefined ? {} : { failure }),
      ...(scenario.outcomes === undefined ? {} : { outcomes: Object.fromEntries(this.#outcomes) }),
      coverage: describeCoverage({
        exhausted: this.#exhausted,
        failed: failure !== undefined,
        schedules: this.#schedules,
        seconds,
        bound: this.#bound,
        search,
        classes: this.#classes,
        randomWalk: options.strategy === 'random',
        plain: this.#plain,
      }),
    };
  }
}
