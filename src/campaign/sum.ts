import { type Cause, OTHER } from '../explore/search/causes.ts';
import { ClassCounter } from '../explore/search/classes.ts';
import { Observations, type Observed } from '../explore/search/observations.ts';
import type { PartResult } from '../explore/search/part.ts';
import { keyOf, MOST_RACES } from '../explore/telling/race-list.ts';
import type { DataRace } from '../explore/telling/result.ts';

/** What schedules of a search have shown, as plain data that adds up: the order of the summands does not matter. */
export type SearchSum = {
  readonly schedules: number;
  readonly runs: number;
  readonly steps: number;
  readonly failures: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly classes: readonly (readonly [number, number])[];
  readonly observed: Observed;
  readonly omissions: readonly string[];
  readonly races: readonly DataRace[];
  readonly sawPlain: boolean;
  readonly causes: readonly Cause[];
  /** The bound of a depth-first search has left a schedule out. */
  readonly cut: boolean;
  /** Of the whole tree of a depth-first search, 0 to 1, were all branches of a fork alike. */
  readonly share: number;
  /** A thread came to no operation: the search cannot go on. */
  readonly hung: boolean;
  /** Time of one thread, s. */
  readonly seconds: number;
};

/** Adds results of parts up. */
export class Sum {
  schedules = 0;
  runs = 0;
  steps = 0;
  failures = 0;
  sawPlain = false;
  cut = false;
  share = 0;
  hung = false;
  seconds = 0;
  readonly outcomes = new Map<string, number>();
  readonly classes = new ClassCounter();
  readonly observations = new Observations();
  readonly #omissions = new Set<string>();
  readonly #races = new Map<string, DataRace>();
  readonly #causes = new Map<string, Cause>();

  add(sum: SearchSum): void {
    this.schedules += sum.schedules;
    this.runs += sum.runs;
    this.steps += sum.steps;
    this.failures += sum.failures;
    this.sawPlain ||= sum.sawPlain;
    this.cut ||= sum.cut;
    this.share += sum.share;
    this.hung ||= sum.hung;
    this.seconds += sum.seconds;
    for (const [outcome, times] of Object.entries(sum.outcomes))
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + times);
    this.classes.merge(sum.classes);
    this.observations.merge(sum.observed);
    for (const omission of sum.omissions) this.#omissions.add(omission);
    for (const race of sum.races) {
      const known = this.#races.get(keyOf(race));
      if (known === undefined || isBefore(race.token, known.token)) this.#races.set(keyOf(race), race);
    }
    for (const cause of sum.causes) this.#addCause(cause);
  }

  /** In the order of their texts, so that the sum is the same however the parts came. */
  get omissions(): string[] {
    return [...this.#omissions].sort();
  }

  /** In the order of their words and threads. */
  get races(): DataRace[] {
    const sorted = [...this.#races].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.slice(0, MOST_RACES).map(([, race]) => race);
  }

  /** The smallest failure first. */
  get causes(): Cause[] {
    return [...this.#causes.values()].sort((a, b) => (isSmaller(a, b) ? -1 : 1));
  }

  toPlain(): SearchSum {
    const { schedules, runs, steps, failures, sawPlain, cut, share, hung, seconds } = this;
    return {
      schedules,
      runs,
      steps,
      failures,
      outcomes: Object.fromEntries(this.outcomes),
      classes: this.classes.entries(),
      observed: this.observations.toPlain(),
      omissions: this.omissions,
      races: this.races,
      sawPlain,
      causes: this.causes,
      cut,
      share,
      hung,
      seconds,
    };
  }

  #addCause(cause: Cause): void {
    const known = this.#causes.get(cause.cause);
    const times = cause.times + (known?.times ?? 0);
    const least = known === undefined || isSmaller(cause, known) ? cause : known;
    this.#causes.set(cause.cause, { ...least, times });
  }
}

/** What one part has shown. `shares`: of its pieces of the tree, together. */
export function sumOf(found: PartResult, shares: number, seconds: number): SearchSum {
  const { result, runs, classes, observed, omissions, search, causes } = found;
  const hang = result.failure !== undefined && causes.length === 0 ? result.failure : undefined;
  return {
    schedules: result.schedules,
    runs,
    steps: result.steps,
    failures: result.failures ?? 0,
    outcomes: result.outcomes ?? {},
    classes,
    observed,
    omissions,
    races: result.dataRaces,
    sawPlain: found.sawPlain,
    causes:
      hang === undefined
        ? causes
        : [{ ...hang, cause: `no end: ${hang.message.replace(/\d+(?:\.\d+)?/g, '#')}`, times: 1 }],
    cut: search?.cut ?? false,
    share: (search?.fraction ?? 0) * shares,
    hung: hang !== undefined,
    seconds,
  };
}

/** Fewer preemptions first, then fewer steps; of equal ones always the same. */
export function isSmaller(
  a: Pick<Cause, 'cause' | 'preemptions' | 'steps' | 'token'>,
  b: Pick<Cause, 'cause' | 'preemptions' | 'steps' | 'token'>,
): boolean {
  if ((a.cause === OTHER) !== (b.cause === OTHER)) return b.cause === OTHER;
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions;
  if (a.steps !== b.steps) return a.steps < b.steps;
  return isBefore(a.token, b.token);
}

function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
