import { type Cause, OTHER } from '../explore/search/causes.ts';
import { type Counted, Counts, countsOf } from '../explore/search/counts.ts';
import type { PartResult } from '../explore/search/part.ts';
import { keyOf, MOST_RACES } from '../explore/telling/race-list.ts';
import type { DataRace } from '../explore/telling/result.ts';

/** The findings of a search's schedules, as plain data that adds up, in any order. */
export type SearchSum = Counted & {
  readonly races: readonly DataRace[];
  readonly causes: readonly Cause[];
  /** The bound of a depth-first search has left a schedule out. */
  readonly cut: boolean;
  /** Of the whole tree of a depth-first search, 0 to 1, were all branches of a fork alike. */
  readonly share: number;
  /** Of `dpor` and `states`: schedules that were begun besides, and show nothing new. */
  readonly extra: number;
  /** Of `states`: how many were met. */
  readonly states: number;
  /** A thread came to no operation: the search cannot go on. */
  readonly hung: boolean;
  /** Time of one thread, s. */
  readonly seconds: number;
};

/** Adds results of parts up. */
export class Sum extends Counts {
  cut = false;
  share = 0;
  extra = 0;
  states = 0;
  hung = false;
  seconds = 0;
  readonly #races = new Map<string, DataRace>();
  readonly #causes = new Map<string, Cause>();

  add(sum: SearchSum): void {
    this.count(sum);
    this.cut ||= sum.cut;
    this.share += sum.share;
    this.extra += sum.extra;
    this.states += sum.states;
    this.hung ||= sum.hung;
    this.seconds += sum.seconds;
    for (const race of sum.races) {
      const known = this.#races.get(keyOf(race));
      if (known === undefined || isBefore(race.token, known.token)) this.#races.set(keyOf(race), race);
    }
    for (const cause of sum.causes) this.#addCause(cause);
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
    const { cut, share, extra, states, hung, seconds } = this;
    return {
      ...this.counted(),
      races: this.races,
      causes: this.causes,
      cut,
      share,
      extra,
      states,
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

/** The findings of one part. `shares`: the sum of the shares of its pieces of the tree. */
export function sumOf(found: PartResult, shares: number, seconds: number): SearchSum {
  const { result, search, causes } = found;
  const hang = result.failure !== undefined && causes.length === 0 ? result.failure : undefined;
  return {
    ...countsOf(found),
    races: result.dataRaces,
    causes:
      hang === undefined
        ? causes
        : [{ ...hang, cause: `no end: ${hang.message.replace(/\d+(?:\.\d+)?/g, '#')}`, times: 1 }],
    cut: search?.cut ?? false,
    share: (search?.fraction ?? 0) * shares,
    extra: search?.extra ?? 0,
    states: search?.states ?? 0,
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
