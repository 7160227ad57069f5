import { mix } from '../../base/chance.ts';
import { stackAbove } from '../telling/sites.ts';
import { Alone } from './alone.ts';
import type { Point, Value } from './operation.ts';
import { onlyLooked, repeatsLook, sameOperation } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** Longest loop, in looks, that is recognised. */
const LONGEST = 256;
/** A loop that repeats this often without a change is endless. */
export const ENDLESS_ROUNDS = 10_000;
/** Looks to try of a new loop, and of a loop that nothing else can end. */
const MOST_LOOKS = 100_000;
/**
 * Number of looks, after an endless loop is found, during which the thread's code does not run again as long
 * as the thread sees the same values.
 */
const STILL_ENDLESS = LONGEST;
/** Most histories remembered. */
const MOST_KNOWN = 200_000;

/** The future of a thread after one history, if the thread gets the same answers again and again. */
type Forecast = {
  /** The looks of a loop that the thread is in and never leaves; 0 for none. */
  readonly period: number;
  /** The thread's further looks until another action or another run of its code; Infinity for neither. */
  readonly looks: number;
  /** By element: the answers to those looks. */
  readonly seen: ReadonlyMap<number, Value>;
  /** The thread carries a value from look to look (a counter), so the loop may end. */
  readonly carries?: boolean;
};

/** One history of a thread: the answers to its operations, as a node of the tree of all histories. */
class History {
  /** The looks of the loop in which the thread waits afterwards; 0 for none, -1 for not known. */
  period = -1;
  /** The histories with one answer more: by answer for small numbers, and for other answers. */
  readonly #small: (History | undefined)[] = [];
  #others: Map<Value, History> | undefined;

  /** This history with one answer more; undefined if unknown. */
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
 * Finds the threads that wait in loops. A waiting thread has gone through a loop that only looks, is at the
 * same place as one round ago, and would repeat the loop forever with the same answers. Waiting depends on
 * everything that the thread has seen, so `Loops` runs the thread's code once for each history, and remembers
 * the finding.
 *
 * Forever means {@link ENDLESS_ROUNDS} rounds. A new loop is tried for longer. If the loop ends then, the
 * thread is held all the same, and `letGo` says that the search is not complete. `carrier` says the same of a
 * thread that carries a value, such as a count, from round to round: after more rounds than were tried, the
 * thread may act differently.
 */
export class Loops {
  /** A loop taken for endless would end by itself. */
  letGo = false;
  /** The number of a thread that was held in a loop and carries a value from round to round; -1 for none. */
  carrier = -1;
  readonly #runner: ThreadRunner;
  readonly #alone = new Alone();
  /** Loops that were tried for longer and went on, by a digest of their looks. */
  readonly #tried = new Set<number>();
  /** By thread: a forecast that still holds, its first operation, and the last operation checked. */
  readonly #current: (Forecast | undefined)[] = [];
  readonly #from: Int32Array;
  readonly #checked: Int32Array;
  /** By thread: its histories, its history in this schedule, and the number of operations in that. */
  readonly #roots: History[];
  readonly #histories: History[];
  readonly #lengths: Int32Array;
  /** Histories with new findings in this schedule. */
  readonly #fresh: History[] = [];
  #known = 0;
  /** Whether {@link find} was called in this schedule. */
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
   * @param wasRight - the threads' code followed its log in the last schedule; else its findings are forgotten.
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
   * The length, in looks, of the loop in which thread `t` waits at `point`; 0 if the thread does not wait.
   * Undefined if the thread's code did not follow its log.
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
      // With the same answers, the thread is still in the loop: its code need not run at each look.
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
   * The looks since the thread was last at its current place, by the same calls: one round of its code, which
   * may be several rounds of its looks. 0 if its last looks do not contain the place: then the thread only
   * begins a loop now.
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

  /** Whether thread `t`, in a loop of `period` looks, would stay in the loop forever. */
  staysIn(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    period: number,
  ): boolean {
    return this.#tried.has(nameOf(t, path, count, period)) || this.#goesOn(t, path, answers, count);
  }

  /** Whether the thread would look for much longer than the trial; if not, see `letGo`. */
  #goesOn(t: number, path: readonly Point[], answers: readonly Value[], count: number): boolean {
    const { seen } = lookBack(path, answers, count);
    if (this.#run(t, path, answers, count, seen, MOST_LOOKS) === MOST_LOOKS) return true;
    this.letGo = true;
    return false;
  }

  /** Whether the thread follows the forecast: looks with the same answers as before. */
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
      // The loop may end by itself, sooner or later.
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

  /** The shortest round, just ended, that the thread repeated without end. */
  #findPeriod(path: readonly Point[], count: number, window: number): number {
    for (let period = 1; period <= window; period++) {
      if (this.#alone.isRepetitionOf(path, count - period, period)) return period;
    }
    return 0;
  }

  /** The number of looks that the thread makes alone, at most `most`. */
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

/** The thread's latest values, as far back as its looks agree, and the number of those looks. */
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

/** A number for a loop of thread `t`, the same for all values that the loop sees. */
function nameOf(t: number, path: readonly Point[], count: number, period: number): number {
  let name = mix(t, period);
  for (let k = count - period; k < count; k++) {
    const { op, element } = path[k] as Point;
    name = mix(name, element * 32 + op);
  }
  return name;
}
