import { mix } from '../../base/chance.ts';
import { stackAbove } from '../telling/sites.ts';
import { Alone } from './alone.ts';
import type { Point, Value } from './operation.ts';
import { onlyLooked, repeatsLook, sameOperation } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** Loops of at most so many looks are recognised. */
const LONGEST = 256;
/** A loop that goes round so often without a change goes on for ever. */
export const ENDLESS_ROUNDS = 10_000;
/** A loop that was not met before is tried for so many looks, and so is one that nothing else can end. */
const MOST_LOOKS = 100_000;
/** So many looks after a loop was found endless, its thread's code is not run again while it sees the same. */
const STILL_ENDLESS = LONGEST;
/** How many histories are remembered. */
const MOST_KNOWN = 200_000;

/** What a thread would do after one history, given the same answers again and again. */
type Forecast = {
  /** The looks of a loop that the thread is in and would never leave; 0 where it is in none. */
  readonly period: number;
  /** The thread makes so many looks more, and then does something else, or is asked again; Infinity where neither. */
  readonly looks: number;
  /** By element: the answers of those looks. */
  readonly seen: ReadonlyMap<number, Value>;
  /** The thread carries something from look to look (a counter), so the loop need not be endless. */
  readonly carries?: boolean;
};

/** One history of a thread: the answers that its operations got, as a node of the tree of all of them. */
class History {
  /** The looks of the loop that the thread waits in after it; 0 where it waits in none, -1 where that is not known. */
  period = -1;
  /** The histories with one answer more: by answer, where that is a small number, and those with other answers. */
  readonly #small: (History | undefined)[] = [];
  #others: Map<Value, History> | undefined;

  /** This history and one answer more; undefined where it is not known. */
  after(answer: Value): History | undefined {
    return isSmall(answer) ? this.#small[answer] : this.#others?.get(answer);
  }

  add(answer: Value): History {
    const next = new History();
    if (isSmall(answer)) {
      while (this.#small.length <= answer) this.#small.push(undefined);
      this.#small[answer] = next;
    } else {
      this.#others ??= new Map();
      this.#others.set(answer, next);
    }
    return next;
  }
}

function isSmall(answer: Value): answer is number {
  return typeof answer === 'number' && answer >>> 0 === answer && answer < 32;
}

/**
 * Which threads wait in loops. A thread waits if it has gone through a loop that only looks, is where it was a round
 * ago, and would, given the same answers, go through it for ever. That depends on all that the thread has seen, so it is
 * found out for each history of its own, by running the thread's code, and remembered.
 *
 * For ever means {@link ENDLESS_ROUNDS} rounds. A loop that was never met before is tried for longer; where it ends
 * then, the thread is held all the same, and `letGo` says that the search is not complete. So does `carrier` where the thread carries
 * something from round to round, a count for one: it may do something else after more rounds than were tried.
 */
export class Loops {
  /** A loop that was taken for endless would end by itself. */
  letGo = false;
  /** A thread, by number, that was held in a loop and carries something from round to round; -1 where none did. */
  carrier = -1;
  readonly #runner: ThreadRunner;
  readonly #alone = new Alone();
  /** Loops that have been tried for longer and went on, by a digest of their looks. */
  readonly #tried = new Set<number>();
  /** By thread: a forecast that still comes true, from which operation it counts, and up to which it was checked. */
  readonly #current: (Forecast | undefined)[] = [];
  readonly #from: Int32Array;
  readonly #checked: Int32Array;
  /** By thread: its histories, the one that it has in this schedule, and how many operations are in that. */
  readonly #roots: History[];
  readonly #histories: History[];
  readonly #lengths: Int32Array;
  /** Those of which something was found out in this schedule. */
  readonly #fresh: History[] = [];
  #known = 0;
  /** Some thread was asked for in this schedule. */
  #isUsed = false;

  constructor(threads: number, runner: ThreadRunner) {
    this.#runner = runner;
    this.#from = new Int32Array(threads);
    this.#checked = new Int32Array(threads);
    this.#lengths = new Int32Array(threads);
    this.#roots = Array.from({ length: threads }, () => new History());
    this.#histories = Array.from({ length: threads }, () => new History());
  }

  /**
   * Begins a schedule.
   * @param wasRight - the threads' code has done in the last one what its log says; else what was found out there is
   * forgotten.
   */
  begin(wasRight: boolean): void {
    if (!this.#isUsed) return;
    this.#isUsed = false;
    if (!wasRight) for (const history of this.#fresh) history.period = -1;
    this.#fresh.length = 0;
    if (this.#known > MOST_KNOWN) {
      this.#known = 0;
      for (let t = 0; t < this.#roots.length; t++) this.#roots[t] = new History();
    }
    for (let t = 0; t < this.#roots.length; t++) {
      this.#histories[t] = this.#roots[t] as History;
      this.#lengths[t] = 0;
      this.#current[t] = undefined;
    }
  }

  /**
   * The length of the loop that thread `t` waits in, in looks, when it comes to `point`; 0 where it does not wait.
   * Undefined where its code did not do what its log says.
   */
  find(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    point: Point,
  ): number | undefined {
    if (count === 0 || !onlyLooked(path[count - 1] as Point, answers[count - 1])) return 0;
    const history = this.#historyOf(t, answers, count);
    if (history.period < 0) {
      const period = this.#findOut(t, path, answers, count, point);
      if (period === undefined) return undefined;
      history.period = period;
      this.#fresh.push(history);
    }
    return history.period;
  }

  #findOut(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    point: Point,
  ): number | undefined {
    if (this.#comesTrue(t, path, answers, count)) {
      const { period, carries } = this.#current[t] as Forecast;
      // Given the same answers, the thread is in the loop still: its code need not be asked again at each look.
      const round = period > 0 ? this.#roundOf(t, path, answers, count, period) : 0;
      if (round > 0 && carries === true) this.carrier = t;
      return round;
    }
    if (!repeatsLook(path, answers, count, point, LONGEST)) return 0;
    const forecast = this.#forecast(t, path, answers, count, point);
    if (forecast === undefined) return undefined;
    const { period } = forecast;
    const round = period > 0 ? this.#roundOf(t, path, answers, count, period) : 0;
    if (round > 0 && forecast.carries === true) this.carrier = t;
    if (forecast.looks < Infinity || period > 0) {
      this.#current[t] = period > 0 ? { ...forecast, looks: STILL_ENDLESS } : forecast;
      this.#from[t] = count;
      this.#checked[t] = count;
    }
    return round;
  }

  /**
   * The looks since the thread was last at the place where it is now, by the same calls: a round of its code, of one or several
   * rounds of what it looks at. 0 where it was not there in its last looks, and begins a loop only now.
   */
  #roundOf(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    period: number,
  ): number {
    const { looks } = lookBack(path, answers, count);
    const places = this.#runner.sites(t, path, answers, count, count - looks, stackAbove);
    for (let round = period; round <= looks; round += period)
      if (places[count - round] === places[count]) return round;
    return 0;
  }

  /** Whether thread `t`, in a loop of `period` looks, would stay in it for ever. */
  staysIn(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    period: number,
  ): boolean {
    return this.#tried.has(nameOf(t, path, count, period)) || this.#goesOn(t, path, answers, count);
  }

  /** Whether the thread would look for much longer than it was tried for; where not, see `letGo`. */
  #goesOn(t: number, path: readonly Point[], answers: readonly Value[], count: number): boolean {
    const { seen } = lookBack(path, answers, count);
    if (this.#run(t, path, answers, count, seen, MOST_LOOKS) === MOST_LOOKS) return true;
    this.letGo = true;
    return false;
  }

  /** Whether the thread does what was foretold: looks, that are answered as before. */
  #comesTrue(t: number, path: readonly Point[], answers: readonly Value[], count: number): boolean {
    const forecast = this.#current[t];
    if (forecast === undefined) return false;
    if (count < (this.#from[t] as number) + forecast.looks) {
      let k = this.#checked[t] as number;
      while (k < count && Object.is(forecast.seen.get((path[k] as Point).element), answers[k])) k++;
      this.#checked[t] = k;
      if (k === count) return true;
    }
    this.#current[t] = undefined;
    return false;
  }

  #forecast(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    point: Point,
  ): Forecast | undefined {
    const { seen, looks: window } = lookBack(path, answers, count);
    let least = 1;
    while (least <= window && !sameOperation(path[count - least] as Point, point)) least++;
    let most = ENDLESS_ROUNDS * least;
    for (;;) {
      const looks = this.#run(t, path, answers, count, seen, most);
      if (looks === undefined) return undefined;
      if (looks < most) return { period: 0, looks, seen };
      const { carries } = this.#alone;
      // It may end by itself, sooner or later.
      if (this.#runner.hasAsked) return { period: 0, looks: Infinity, seen };
      const period = this.#findPeriod(path, count, window);
      if (period === 0) return { period, looks: Infinity, seen };
      if (most < ENDLESS_ROUNDS * period) {
        most = ENDLESS_ROUNDS * period;
        continue;
      }
      const name = nameOf(t, path, count, period);
      if (this.#tried.has(name) || most >= MOST_LOOKS) return { period, looks: Infinity, seen, carries };
      // A loop that ended once is tried again after each history.
      if (this.#goesOn(t, path, answers, count)) this.#tried.add(name);
      return { period, looks: Infinity, seen, carries };
    }
  }

  /** The shortest round, ended just now, that the thread repeated without end. */
  #findPeriod(path: readonly Point[], count: number, window: number): number {
    for (let period = 1; period <= window; period++) {
      if (this.#alone.isRepetitionOf(path, count - period, period)) return period;
    }
    return 0;
  }

  /** How many looks the thread makes alone, at most `most`. */
  #run(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    seen: ReadonlyMap<number, Value>,
    most: number,
  ): number | undefined {
    this.#alone.begin(seen, most);
    return this.#runner.goAlone(t, path, answers, count, this.#alone) ? this.#alone.count : undefined;
  }

  #historyOf(t: number, answers: readonly Value[], count: number): History {
    if (!this.#isUsed) {
      this.#isUsed = true;
      for (let u = 0; u < this.#roots.length; u++) this.#histories[u] = this.#roots[u] as History;
    }
    let history = this.#histories[t] as History;
    const jumps = this.#runner.jumps[t] as ReadonlyMap<number, number>;
    const jumped = jumps.size > 0;
    for (let k = this.#lengths[t] as number; k < count; k++) {
      let answer = answers[k];
      if (Object.is(answer, -0)) answer = '-0';
      if (jumped && jumps.has(k)) answer = `${typeof answer} ${answer} ${jumps.get(k)}`;
      const next = history.after(answer);
      if (next === undefined) this.#known++;
      history = next ?? history.add(answer);
    }
    this.#histories[t] = history;
    this.#lengths[t] = count;
    return history;
  }
}

/** What a thread saw in its last looks, as far back as they agree, and how many they are. */
function lookBack(
  path: readonly Point[],
  answers: readonly Value[],
  count: number,
): { readonly seen: Map<number, Value>; readonly looks: number } {
  const seen = new Map<number, Value>();
  let k = count - 1;
  for (; k >= 0 && k >= count - LONGEST; k--) {
    const point = path[k] as Point;
    const answer = answers[k];
    if (!onlyLooked(point, answer)) break;
    if (seen.has(point.element) && !Object.is(seen.get(point.element), answer)) break;
    seen.set(point.element, answer);
  }
  return { seen, looks: count - 1 - k };
}

/** A number for a loop of thread `t`, whatever it sees. */
function nameOf(t: number, path: readonly Point[], count: number, period: number): number {
  let name = mix(t, period);
  for (let k = count - period; k < count; k++) {
    const { op, element } = path[k] as Point;
    name = mix(name, element * 32 + op);
  }
  return name;
}
