import { mix } from '../../base/chance.ts';
import { ENDED, type Point, type Value } from './operation.ts';
import { mayOnlyLook, sameOperation } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** Most points before all are forgotten and learnt again; bounds the memory. */
const MOST_POINTS = 100_000;
/** Wrong guesses before a thread's histories are kept apart. */
const MOST_WRONG = 200;
/**
 * After this many operations on a word whose answer mattered, the answer is taken to matter everywhere in the thread.
 */
const MOST_BLAMES = 4;
const KEYS = 0x3fffffff;

/**
 * The known points of each thread. Threads that come to the same operation, as their n-th, mostly go on alike
 * after any history. Such points are merged: facts learnt after one history hold after all. If that proves
 * wrong too often, the thread's histories are kept apart.
 */
export class KnownPoints {
  /** By thread: the point before its first operation. */
  readonly roots: Point[] = [];
  /** By thread: points by a hash of their operation and its number; undefined once histories are kept apart. */
  readonly #alike: (Map<number, Point> | undefined)[];
  readonly #wrong: Int32Array;
  /** By kind of operation: how often its answer was found to matter. */
  readonly #kinds = new Map<number, number>();
  /**
   * Whether a thread waits with a timeout or reads a clock: then its clock, too, decides its next operations.
   */
  #timed = false;
  /**
   * By thread and kind of look: the number of this look in its thread; -1 if the look occurred under several
   * numbers.
   */
  readonly #looks = new Map<number, number>();
  readonly #runner: ThreadRunner;
  #points = 0;

  constructor(threads: number, runner: ThreadRunner) {
    this.#alike = Array.from({ length: threads }, () => new Map());
    this.#wrong = new Int32Array(threads);
    this.#runner = runner;
  }

  /** Begins a schedule. */
  begin(): void {
    if (this.#points > MOST_POINTS) this.#forget();
  }

  isShared(t: number): boolean {
    return this.#alike[t] !== undefined;
  }

  /** The point of thread `t` after `count` operations: a known point, or `point` itself. */
  share(t: number, point: Point, count: number): Point {
    if (point.op >= ENDED) return point;
    this.#points++;
    if (this.#kinds.size > 0 && (this.#kinds.get(kindOf(t, point)) ?? 0) > MOST_BLAMES) makeSensitive(point);
    if (mayOnlyLook(point)) point.mayHold = this.#isRepeated(t, point, count);
    const alike = this.#alike[t];
    if (alike === undefined) return point;
    if ((point.deadline < Infinity || point.clockNs > 0) && this.#runner.timesMatter && !this.#timed) {
      this.#timed = true;
      this.#forget();
    }
    const timed = this.#timed;
    for (let key = keyOf(point, count); ; key = (key + 1) & KEYS) {
      const known = alike.get(key);
      if (known === undefined) {
        alike.set(key, point);
        point.count = count;
        return point;
      }
      if (known.count === count && (!timed || known.clockNs === point.clockNs) && sameOperation(known, point))
        return known;
    }
  }

  /**
   * Records that the answer of the operation matters, and the answers of similar operations too, unless this
   * blame is the first.
   */
  blame(t: number, blamed: Point): void {
    const wrong = (this.#wrong[t] as number) + 1;
    this.#wrong[t] = wrong;
    if (wrong > MOST_WRONG && this.isShared(t)) {
      this.keepApart(t);
      return;
    }
    makeSensitive(blamed);
    const kind = kindOf(t, blamed);
    const blames = (this.#kinds.get(kind) ?? 0) + 1;
    this.#kinds.set(kind, blames);
    if (blames !== MOST_BLAMES + 1) return;
    // Known similar operations: their successors must be learnt again.
    const alike = this.#alike[t];
    if (alike === undefined) this.#forget();
    else
      for (const point of alike.values()) {
        if (!point.sensitive && kindOf(t, point) === kind) makeSensitive(point);
      }
  }

  /** Gives each history of the thread its own points: the thread remembers more than its next operation shows. */
  keepApart(t: number): void {
    this.#alike[t] = undefined;
    this.#forget();
  }

  /** Whether the thread repeats this look. Marks the first look when the repetition shows. */
  #isRepeated(t: number, point: Point, count: number): boolean {
    const kind = kindOf(t, point);
    const only = this.#looks.get(kind);
    if (only === undefined) this.#looks.set(kind, count);
    if (only === undefined || only === count) return false;
    if (only >= 0) {
      this.#looks.set(kind, -1);
      const alike = this.#alike[t];
      if (alike === undefined) this.#forget();
      else for (const known of alike.values()) if (kindOf(t, known) === kind) known.mayHold = true;
    }
    return true;
  }

  #forget(): void {
    this.#points = 0;
    this.roots.length = 0;
    for (const alike of this.#alike) alike?.clear();
  }
}

/** The known next point of a thread after `point` with that answer. */
export function after(point: Point, answer: Value): Point | undefined {
  if (!point.sensitive || point.nextAnswer === answer) return point.next;
  return point.branches?.get(answer);
}

/** Records that a thread goes from `point`, with `answer`, to `next`. */
export function lead(point: Point, answer: Value, next: Point): void {
  if (!point.sensitive || point.next === undefined || point.nextAnswer === answer) {
    point.next = next;
    point.nextAnswer = answer;
  } else {
    point.branches ??= new Map();
    point.branches.set(answer, next);
  }
}

/** Makes the answers of the operation matter: the successor is learnt for each answer. */
export function makeSensitive(point: Point): void {
  point.sensitive = true;
  point.next = undefined;
}

/** The kind of a thread's operation: the same code on the same word. */
function kindOf(t: number, point: Point): number {
  return (point.element * 32 + point.op) * 32 + t;
}

function keyOf(point: Point, count: number): number {
  const { op, at, a, b } = point;
  return mix(mix(mix(count * 16 + op, at), hashOf(a)), hashOf(b)) & KEYS;
}

function hashOf(value: Value): number {
  return typeof value === 'number'
    ? value | 0
    : typeof value === 'bigint'
      ? Number(BigInt.asIntN(32, value))
      : -1;
}
