import { Ownership } from '../explore/memory/ownership.ts';
import { type Cause, OTHER } from '../explore/search/causes.ts';
import { CLASSIFIED } from '../explore/search/explore.ts';
import type { Part } from '../explore/search/part.ts';
import { BLOCK } from '../explore/search/strategies/strategy.ts';
import { ALL, type Item, type Job, type JobSpec } from './item.ts';
import type { JobResult, PlannedPhase } from './job.ts';
import { addRuns, NO_RUNS, type StressSum } from './stress-job.ts';
import { isSmaller, Sum } from './sum.ts';

/** One search of an item: the findings of its jobs, and the number of jobs still to be done. */
type Phase = { readonly planned: PlannedPhase; readonly sum: Sum; open: number; isWhole: boolean };

/** A job that was given up: why, after how many tries. */
export type Problem = {
  readonly does: string;
  readonly error: string;
  readonly code?: string;
  /** The error is about the user's input: another try would end in the same way. */
  readonly wrongInput: boolean;
};

/**
 * The least and the most jobs into which a search, or the rest of a job, is cut: within these, one for each
 * idle thread.
 */
const LEAST_JOBS = 4;
const MOST_JOBS = 1024;

/**
 * The facts known of one item. Results may come in any order; their sum depends neither on the order nor on
 * the cuts. The same calls make a tally anew from a ledger: {@link created} for each job that was ever made,
 * {@link take} for each result.
 */
export class Tally {
  readonly item: Item;
  generation = 0;
  plan: Extract<JobResult, { does: 'plan' }> | undefined;
  phases: Phase[] = [];
  stress: StressSum = NO_RUNS;
  readonly problems: Problem[] = [];
  /** Jobs were left undone, as the item's time was over. */
  outOfTime = false;
  #ownership = new Ownership();
  readonly #shrunk = new Map<string, { readonly smaller: Cause; readonly proved: boolean }>();
  readonly #asked = new Set<string>();
  #openRuns = 0;

  constructor(item: Item) {
    this.item = item;
  }

  /** The first jobs of the item. */
  begin(): JobSpec[] {
    const { item } = this;
    if (item.kind === 'search') return [{ does: 'plan', shared: [] }];
    return Array.from({ length: item.runs }, (_, i): JobSpec => ({ does: 'stress', seed: item.seed + i }));
  }

  /** Whether a job still counts: the search has not begun anew since. */
  isCurrent({ generation, spec }: Pick<Job, 'generation' | 'spec'>): boolean {
    return spec.does === 'shrink' || generation === this.generation;
  }

  /** Notes that a job was made. */
  created(job: Pick<Job, 'generation' | 'spec'>): void {
    const { spec } = job;
    if (spec.does === 'plan' && job.generation > this.generation) this.#beginAnew(job.generation);
    if (!this.isCurrent(job)) return;
    if (spec.does === 'stress') this.#openRuns++;
    if (spec.does === 'shrink') this.#asked.add(spec.cause);
    if (spec.does === 'search') {
      const phase = this.phases[spec.part.phase];
      if (phase !== undefined) phase.open++;
    }
  }

  /** Notes that a job was given up. */
  failed(job: Job, problem: Problem): void {
    if (!this.isCurrent(job)) return;
    this.#close(job);
    this.problems.push(problem);
  }

  /** Notes that a job was left out, as the item's time is over. */
  dropped(job: Job): void {
    // A job of a search that has begun anew since is no job that is missing.
    if (!this.isCurrent(job)) return;
    this.#close(job);
    this.outOfTime = true;
  }

  /**
   * Adds a result.
   * @param hungry - number of jobs more that the crew could do at once
   * @returns the jobs that follow from the result
   */
  take(
    job: Job,
    result: JobResult,
    hungry: number,
  ): { readonly generation: number; readonly specs: JobSpec[] } {
    const specs = this.isCurrent(job) ? this.#take(job, result, hungry) : [];
    return { generation: this.generation, specs };
  }

  /** Failures by cause, the smallest first, made smaller where a job has done so. */
  get failures(): readonly (Cause & { readonly proved: boolean })[] {
    const all = new Map<string, Cause>();
    for (const { sum } of this.answering) {
      for (const cause of sum.causes) {
        const known = all.get(cause.cause);
        const times = cause.times + (known?.times ?? 0);
        const least = known === undefined || isSmaller(cause, known) ? cause : known;
        all.set(cause.cause, { ...least, times });
      }
    }
    return [...all.values()]
      .map((cause) => {
        const shrunk = this.#shrunk.get(cause.cause);
        const { preemptions, steps } = cause;
        const least = shrunk?.smaller;
        const isLess =
          least === undefined ||
          preemptions < least.preemptions ||
          (preemptions === least.preemptions && steps < least.steps);
        if (isLess)
          return { ...cause, proved: shrunk?.proved === true && preemptions === least?.preemptions };
        return { ...least, times: cause.times, proved: shrunk?.proved ?? false };
      })
      .sort((a, b) => (isSmaller(a, b) ? -1 : 1));
  }

  /** The searches that one machine would have run: those up to the first that has seen everything. */
  get answering(): readonly Phase[] {
    const last = this.phases.findIndex((_, i) => this.isExhaustedBy(i));
    return last < 0 ? this.phases : this.phases.slice(0, last + 1);
  }

  /** Whether the search has come to its end, and left nothing out. */
  isExhaustedBy(at: number): boolean {
    const phase = this.phases[at];
    if (phase === undefined || !this.hasEnded(phase) || this.item.kind !== 'search') return false;
    const { strategy = 'auto' } = this.item.options;
    return !phase.sum.cut || strategy !== 'auto';
  }

  /** Whether a search that comes to an end by itself has done so. */
  hasEnded({ planned, isWhole, open, sum }: Phase): boolean {
    return planned.ends && isWhole && open === 0 && !sum.hung && sum.runs > 0 && this.#isComplete;
  }

  /** Whether all searches that there are to be were run. */
  get isDone(): boolean {
    if (this.item.kind === 'stress') return this.#openRuns === 0 && this.#isComplete;
    const last = this.phases.at(-1);
    if (last === undefined || !this.#isComplete) return false;
    if (this.phases.some(({ open, sum }) => open > 0 || sum.hung)) return false;
    return (
      this.plan?.phases.length === this.phases.length ||
      this.isExhaustedBy(this.phases.length - 1) ||
      this.#left === 0
    );
  }

  /** How much of the item is done, 0 to 1; undefined where that cannot be told. */
  get fraction(): number | undefined {
    const { item } = this;
    if (item.kind === 'stress') return this.stress.runs / item.runs;
    if (this.isDone) return 1;
    const [only] = this.plan?.phases ?? [];
    if (only === undefined || this.plan?.phases.length !== 1) return undefined;
    const sum = this.phases[0]?.sum;
    if (only.cut === 'sample') return (sum?.runs ?? 0) / only.most;
    return only.cut === 'tree' && only.branches.pieces !== undefined
      ? Math.min(1, sum?.share ?? 0)
      : undefined;
  }

  /** Time of one thread that the item has taken, s. */
  get seconds(): number {
    return this.phases.reduce((all, { sum }) => all + sum.seconds, this.stress.seconds);
  }

  get #isComplete(): boolean {
    return this.problems.length === 0 && !this.outOfTime;
  }

  #take(job: Job, result: JobResult, hungry: number): JobSpec[] {
    this.#close(job);
    switch (result.does) {
      case 'stress':
        this.stress = addRuns(this.stress, result.sum);
        return [];
      case 'shrink':
        if (result.smaller !== undefined)
          this.#shrunk.set(result.cause, { smaller: result.smaller, proved: result.proved });
        return [];
      case 'plan':
        this.plan = result;
        this.#ownership = new Ownership(result.shared);
        return this.#nextPhase(hungry);
      case 'search':
        return this.#takeSearch(result, hungry);
    }
  }

  #takeSearch(result: Extract<JobResult, { does: 'search' }>, hungry: number): JobSpec[] {
    const phase = this.phases[result.phase];
    if (phase === undefined) return [];
    const before = JSON.stringify(this.#ownership.ranges);
    this.#ownership.merge(result.owners);
    const { ranges, conflict } = this.#ownership;
    // Two threads use bytes that were taken for one thread's own: the schedules so far have left choices out.
    if (conflict || (result.restarted && JSON.stringify(ranges) !== before)) {
      this.#beginAnew(this.generation + 1);
      return [{ does: 'plan', shared: ranges }];
    }
    phase.sum.add(result.sum);
    phase.isWhole &&= result.ended;
    const { planned } = phase;
    const rest = result.rest === undefined ? [] : cutRest(result.rest, hungry);
    const specs = rest.map((part): JobSpec => ({ does: 'search', part, cuts: true }));
    const isOver = phase.open === 0 && rest.length === 0;
    if (result.sum.hung || (!result.ended && planned.cut === 'whole' && planned.most === ALL))
      this.outOfTime ||= !result.sum.hung && this.#left > 0;
    else if (isOver && !this.isExhaustedBy(result.phase)) specs.push(...this.#nextPhase(hungry));
    for (const { cause, token } of result.sum.causes)
      if (!this.#asked.has(cause) && cause !== OTHER) specs.push({ does: 'shrink', cause, token });
    return specs;
  }

  /** Schedules that the user's number leaves. */
  get #left(): number {
    const { item } = this;
    const { schedules = Number.POSITIVE_INFINITY } = item.kind === 'search' ? item.options : {};
    return Math.max(
      0,
      this.phases.reduce((left, { sum }) => left - sum.runs, schedules),
    );
  }

  /** The jobs of the next search; none where there is none. */
  #nextPhase(hungry: number): JobSpec[] {
    const at = this.phases.length;
    const planned = this.plan?.phases[at];
    if (planned === undefined || this.#left === 0) return [];
    const left = this.#left;
    const before = this.phases.reduce((all, phase) => all + phase.planned.most, 0);
    this.phases.push({ planned, sum: new Sum(), open: 0, isWhole: true });
    const part: Part = {
      phase: at,
      from: 0,
      count: ALL,
      classified: 0,
      shared: this.#ownership.ranges,
      byCause: true,
    };
    if (planned.cut === 'whole') {
      const most = Number.isFinite(left) ? { schedules: left } : {};
      return [{ does: 'search', part, cuts: false, ...most }];
    }
    const jobs = Math.max(LEAST_JOBS, Math.min(MOST_JOBS, 2 * hungry));
    const parts =
      planned.cut === 'tree'
        ? cutBranches({ ...part, ...planned.branches }, jobs)
        : cutBlocks(
            {
              ...part,
              count: Math.min(planned.most, left),
              classified: Math.max(0, CLASSIFIED - before),
            },
            jobs,
          );
    return parts.map((each) => ({ does: 'search', part: each, cuts: true }));
  }

  #beginAnew(generation: number): void {
    this.generation = generation;
    this.phases = [];
    this.plan = undefined;
    this.#ownership = new Ownership();
  }

  #close(job: Pick<Job, 'generation' | 'spec'>): void {
    const { spec } = job;
    if (spec.does === 'stress') this.#openRuns--;
    if (spec.does !== 'search') return;
    const phase = this.phases[spec.part.phase];
    if (phase !== undefined) phase.open--;
  }
}

/** The rest of a job: in one job, or in several if threads are idle. */
function cutRest(rest: Part, hungry: number): Part[] {
  const jobs = Math.max(1, Math.min(MOST_JOBS, hungry));
  return rest.count === ALL ? cutBranches(rest, jobs) : cutBlocks(rest, jobs);
}

function cutBranches(part: Part, jobs: number): Part[] {
  const { pieces, subtrees } = part;
  if (subtrees !== undefined) return deal(subtrees, jobs).map((mine) => ({ ...part, subtrees: mine }));
  return deal(pieces ?? [], jobs).map((mine) => ({ ...part, pieces: mine }));
}

/** Deals branches out in turn: neighbours are of about the same size. */
function deal<T>(branches: readonly T[], jobs: number): T[][] {
  const dealt = Array.from({ length: Math.min(jobs, branches.length) }, (): T[] => []);
  for (const [i, branch] of branches.entries()) dealt[i % dealt.length]?.push(branch);
  return dealt;
}

/** Cuts at multiples of whole blocks. */
function cutBlocks(part: Part, jobs: number): Part[] {
  const blocks = Math.ceil(part.count / BLOCK);
  const each = Math.ceil(blocks / Math.min(jobs, blocks)) * BLOCK;
  const parts: Part[] = [];
  for (let done = 0; done < part.count; done += each) {
    parts.push({
      ...part,
      from: part.from + done,
      count: Math.min(each, part.count - done),
      classified: Math.max(0, part.classified - done),
    });
  }
  return parts;
}
