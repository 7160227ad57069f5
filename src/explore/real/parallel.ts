import { fromPlain } from '../../base/irq-error.ts';
import { WorkerPool } from '../../base/pool.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { ScenarioSource } from '../loading/source.ts';
import { EVERYTHING, Ownership, type Range } from '../memory/ownership.ts';
import { withSimulation } from '../running/simulation.ts';
import { NO_END, watched } from '../running/watchdog.ts';
import { resultOf } from '../search/account.ts';
import { Counts, countsOf } from '../search/counts.ts';
import type { SearchState } from '../search/coverage.ts';
import { CLASSIFIED, exploreChecked } from '../search/explore.ts';
import { DEFAULT_SECONDS, type ExploreOptions, hangSecondsOf } from '../search/explore-options.ts';
import type { Part, PartResult } from '../search/part.ts';
import { type Phase, planPhases, type Search } from '../search/phases.ts';
import { takeProfile } from '../search/profile.ts';
import { type ShareCounts, sharesOf } from '../search/split.ts';
import { Dfs } from '../search/strategies/dfs.ts';
import { Dpor } from '../search/strategies/dpor.ts';
import { type Piece, WHOLE } from '../search/strategies/pieces.ts';
import { BLOCK } from '../search/strategies/strategy.ts';
import { mergeRaces } from '../telling/race-list.ts';
import type { DataRace, ExploreResult } from '../telling/result.ts';
import { epochMs, type PartAnswer, type PartTask } from './explore-entry.ts';

/** A piece of a random strategy: whole blocks, because a strategy learns within a block. */
const PIECE = 4 * BLOCK;
/** How many pieces of one search are sent ahead for each thread. */
const PIECES_AHEAD = 8;

/**
 * Explores on several cores: pieces of the random strategies, pieces of the tree of a depth-first search, and under
 * `auto` the bounded searches, each in a thread of its own. Merges the pieces in the order in which one thread would
 * have run them, and drops the pieces after a failure: the answer is that of one thread, for any number of jobs, unless
 * time runs out.
 * @param source - the module in which the threads find the scenario.
 * @param jobs - number of threads.
 */
export async function exploreInParallel(
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: ExploreOptions,
  jobs: number,
): Promise<ExploreResult> {
  const ownership = new Ownership(options.shard === undefined ? [] : EVERYTHING);
  const pool = jobs > 1 ? new WorkerPool(jobs) : undefined;
  const started = performance.now();
  try {
    for (;;) {
      const phases = pool && planned(scenario, options, jobs, ownership);
      // If a thread never ends, there is nothing to share out: one thread reports that.
      if (pool === undefined || phases === undefined) return exploreChecked(scenario, options);
      const result = await new Parallel(
        scenario,
        source,
        options,
        phases,
        pool,
        jobs,
        ownership,
        started,
      ).run();
      if (result !== undefined) return result;
      ownership.restart();
    }
  } finally {
    await pool?.destroy();
  }
}

/** The searches to run, with their trees cut into pieces if possible; undefined if a thread never ends. */
export function planned(
  scenario: CheckedScenario,
  options: ExploreOptions,
  jobs: number,
  ownership: Ownership,
): readonly Phase[] | undefined {
  const { seed = 0, steps = 10_000, timeouts = 'late', shard } = options;
  const hangSeconds = hangSecondsOf(options);
  const limits = { maxSteps: steps, timeouts, shared: ownership.ranges };
  return withSimulation(scenario, seed, limits, (simulation) => {
    const { simulator, runner } = simulation;
    let endless = false;
    const watch = <T>(body: () => T): T | undefined => {
      const result = endless ? NO_END : watched(hangSeconds * 1000, body);
      if (result !== NO_END) return result;
      if (!endless) runner.abandon();
      endless = true;
      return undefined;
    };
    const counts = shard === undefined ? sharesFor(options, jobs) : { dfs: shard.count, dpor: shard.count };
    const profile = watch(() => takeProfile(simulator));
    const phases = profile && planPhases(options, profile, sharesOf(simulator, shard, counts, watch));
    ownership.merge(simulation.ownership.owners());
    ownership.restart();
    return endless ? undefined : phases;
  });
}

/**
 * Under `auto` few schedules are spent on cutting the last search, which may not be needed, and the bounded searches stay whole.
 */
function sharesFor({ strategy = 'auto', schedules }: ExploreOptions, jobs: number): ShareCounts {
  if (schedules !== undefined) return {};
  return strategy === 'auto' ? { dpor: 1 } : { dfs: jobs, dpor: jobs };
}

/**
 * Whether the pieces of one search go to different threads. Within a budget, each thread has to know the
 * remaining budget.
 */
export function isShared(
  { strategy, schedules }: ExploreOptions,
  search: Search | undefined,
): search is Dfs | Dpor {
  if (schedules !== undefined) return false;
  return search instanceof Dpor || (search instanceof Dfs && strategy === 'dfs');
}

class Parallel {
  readonly #scenario: CheckedScenario;
  readonly #source: ScenarioSource;
  readonly #options: ExploreOptions;
  readonly #phases: readonly Phase[];
  readonly #pool: WorkerPool;
  readonly #jobs: number;
  readonly #ownership: Ownership;
  readonly #shared: readonly Range[];
  /** The start of the search, before any restarts, ms. */
  readonly #started: number;
  readonly #counts = new Counts();
  #dataRaces: readonly DataRace[] = [];
  #foundAt = 0;
  #foundBy = '';
  #failure: ExploreResult['failure'];
  #failedPart: Part | undefined;
  #search: SearchState | undefined;
  #searchPhase = -1;
  #outOfTime = true;
  #bound = '';
  #exhausted = false;
  #interrupted = false;

  constructor(
    scenario: CheckedScenario,
    source: ScenarioSource,
    options: ExploreOptions,
    phases: readonly Phase[],
    pool: WorkerPool,
    jobs: number,
    ownership: Ownership,
    started: number,
  ) {
    this.#ownership = ownership;
    this.#started = started;
    this.#shared = ownership.ranges;
    this.#scenario = scenario;
    this.#source = source;
    this.#options = options;
    this.#phases = phases;
    this.#pool = pool;
    this.#jobs = jobs;
  }

  /** Undefined if threads of two parts touched bytes taken for one thread's own: start over. */
  async run(): Promise<ExploreResult | undefined> {
    const parts = this.#parts();
    const inFlight: { part: Part; answer: Promise<PartAnswer> }[] = [];
    for (;;) {
      for (let part = parts[0]; part !== undefined && inFlight.length < this.#ahead(part); part = parts[0]) {
        // A search with a budget has to know the remaining budget.
        const waits = this.#options.schedules !== undefined && this.#isSearch(part);
        if (waits && inFlight.length > 0) break;
        parts.shift();
        if (waits && this.#left() === 0) break;
        inFlight.push({ part, answer: this.#send(part) });
      }
      const next = inFlight.shift();
      if (next === undefined) break;
      const answer = await next.answer;
      if ('error' in answer) throw fromPlain(answer.error);
      this.#ownership.merge(answer.value.owners);
      if (this.#ownership.conflict || answer.value.restarted) return undefined;
      this.#take(next.part, answer.value);
      const failed = this.#failure !== undefined && !this.#options.all;
      if (failed || this.#exhausted || answer.value.outOfTime || answer.value.interrupted) break;
      this.#report();
    }
    if (this.#failedPart !== undefined && !this.#shrinks) await this.#shrinkFirst(this.#failedPart);
    return this.#result();
  }

  /**
   * Parts shrink their failures at once. If all failures are counted, only the first is shown, and shrunk at the end.
   */
  get #shrinks(): boolean {
    return !this.#options.all || this.#options.shrink === false;
  }

  /** Runs a part again, up to its first failure. */
  async #shrinkFirst(part: Part): Promise<void> {
    const { schedules: _, onProgress: __, ...options } = this.#options;
    const endsAt = epochMs() + (options.seconds ?? DEFAULT_SECONDS) * 1000;
    const task: PartTask = { source: this.#source, options: { ...options, all: false }, part, endsAt };
    const answer = await this.#pool.run<PartAnswer>('explore', task);
    if ('error' in answer) throw fromPlain(answer.error);
    this.#failure = answer.value.result.failure ?? this.#failure;
  }

  /** All pieces in the order of one thread. */
  #parts(): Part[] {
    let before = 0;
    return this.#phases.flatMap((phase, i): Part[] => {
      if (phase.search !== undefined) return this.#searchParts(i, phase.search);
      const parts: Part[] = [];
      const most = Math.min(phase.most, (this.#options.schedules ?? Infinity) - before);
      for (let from = 0; from < most; from += PIECE) {
        const classified = Math.max(0, CLASSIFIED - before - from);
        parts.push({ phase: i, from, count: Math.min(PIECE, most - from), classified, shared: this.#shared });
      }
      before += Math.max(0, most);
      return parts;
    });
  }

  #searchParts(phase: number, search: Search): Part[] {
    const all: Part = { phase, from: 0, count: Infinity, classified: 0, shared: this.#shared };
    if (search instanceof Dpor) {
      return this.#shareOut(search, search.subtrees, (subtrees) => ({ ...all, subtrees }));
    }
    if (!(search instanceof Dfs)) return [all];
    return this.#shareOut(search, search.pieces, (pieces) => ({ ...all, pieces }));
  }

  /** A part for each piece of a search, or one for all. */
  #shareOut<T>(search: Search, pieces: readonly T[], partOf: (pieces: readonly T[]) => Part): Part[] {
    if (pieces.length === 0 || !isShared(this.#options, search)) return [partOf(pieces)];
    const last = pieces.length - 1;
    return pieces.map((piece, i) => ({ ...partOf([piece]), ...(i < last ? { more: true } : {}) }));
  }

  /** How many parts are sent before the first of them is back: pieces differ in size, and no thread is to wait for another's. */
  #ahead(next: Part): number {
    const isCut = isShared(this.#options, this.#phases[next.phase]?.search);
    return isCut ? PIECES_AHEAD * this.#jobs : this.#jobs;
  }

  #isSearch(part: Part | undefined): boolean {
    return part !== undefined && this.#phases[part.phase]?.search !== undefined;
  }

  /** Schedules left in the budget. */
  #left(): number {
    return Math.max(0, (this.#options.schedules ?? Infinity) - this.#counts.runs);
  }

  #send(part: Part): Promise<PartAnswer> {
    const spent = (performance.now() - this.#started) / 1000;
    const seconds = Math.max(0, (this.#options.seconds ?? DEFAULT_SECONDS) - spent);
    const schedules =
      this.#isSearch(part) && this.#options.schedules !== undefined ? this.#left() : undefined;
    const shrink = this.#shrinks && this.#options.shrink !== false;
    const { onProgress: _, ...given } = this.#options;
    const options = { ...given, seconds, shrink, ...(schedules === undefined ? {} : { schedules }) };
    const endsAt = epochMs() + seconds * 1000;
    const task: PartTask = { source: this.#source, options, part, endsAt };
    const answer = this.#pool.run<PartAnswer>('explore', task);
    // Unused answers end with the pool.
    answer.catch(() => {});
    return answer;
  }

  #report(): void {
    this.#options.onProgress?.({
      stage: 'search',
      scenario: this.#scenario.name,
      phase: this.#search?.name ?? this.#phases[0]?.strategy.name ?? '',
      schedules: this.#counts.schedules,
      steps: this.#counts.steps,
      seconds: (performance.now() - this.#started) / 1000,
      ...(this.#search?.fraction === undefined ? {} : { fraction: Math.min(1, this.#search.fraction) }),
      failed: this.#failure !== undefined,
    });
  }

  /** Adds the next piece. */
  #take(part: Part, found: PartResult): void {
    const { result, search, outOfTime, bound, exhausted } = found;
    this.#outOfTime = outOfTime;
    this.#interrupted = found.interrupted;
    this.#addSearch(part, search);
    if (this.#failure === undefined && result.failure !== undefined) {
      this.#failure = result.failure;
      this.#foundAt = this.#counts.schedules + (result.foundAt ?? 0);
      this.#foundBy = result.foundBy ?? '';
      this.#failedPart = part;
    }
    this.#counts.count(countsOf(found));
    this.#dataRaces = mergeRaces(this.#dataRaces, result.dataRaces);
    if (bound !== '' && !part.more) this.#bound = bound;
    this.#exhausted = exhausted && !part.more;
  }

  /** Merges a piece of a search into the finished part. */
  #addSearch({ phase, pieces = WHOLE }: Part, search: SearchState | undefined): void {
    const before = phase === this.#searchPhase ? this.#search : undefined;
    const of = this.#phases[phase]?.search;
    this.#searchPhase = phase;
    this.#search = search;
    if (search?.extra !== undefined) this.#search = { ...search, extra: search.extra + (before?.extra ?? 0) };
    if (search?.fraction === undefined || !(of instanceof Dfs)) return;
    const part = shareOf(of.pieces) === 0 ? 1 : shareOf(pieces) / shareOf(of.pieces);
    this.#search = {
      name: search.name,
      cut: search.cut || before?.cut || false,
      fraction: search.fraction * part + (before?.fraction ?? 0),
    };
  }

  #result(): ExploreResult {
    const { schedules, steps, failures, classes, outcomes, sawPlain, observations, omissions } = this.#counts;
    return resultOf({
      scenario: this.#scenario,
      options: this.#options,
      seed: this.#options.seed ?? 0,
      startedMs: this.#started,
      endedMs: performance.now(),
      failure: this.#failure,
      exhausted: this.#exhausted,
      schedules,
      steps,
      failures,
      foundAt: this.#foundAt,
      foundBy: this.#foundBy,
      bound: this.#bound,
      search: this.#search,
      classes,
      outcomes,
      dataRaces: this.#dataRaces,
      sawPlain,
      closures: [],
      outOfTime: this.#outOfTime,
      interrupted: this.#interrupted,
      budgetSpent: this.#left() === 0 ? this.#options.schedules : undefined,
      gaps: schedules === 0 ? [] : observations.gaps(this.#scenario),
      omissions,
    });
  }
}

function shareOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { share }) => sum + share, 0);
}
