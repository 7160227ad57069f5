import type { ElementArray, Point, Value } from './operation.ts';
import { Stretch } from './round-marks.ts';
import { mayOnlyLook, onlyLooked, sameOperation } from './spin.ts';

/** The answer of {@link Alone.repeat} and {@link Alone.answer} to an operation that is no look. */
export const OTHER = Symbol('something else than a look');

/**
 * A thread's run with all other threads standing still, as long as the thread only looks, and only at
 * elements that the thread has looked at before: the old values answer these looks. The thread's code asks
 * here for each look, so a repeated look must be answered fast.
 */
export class Alone {
  #seen: ReadonlyMap<number, Value> = new Map();
  #most = 0;
  /** The distinct looks so far, and their answers. */
  readonly #looks: Point[] = [];
  readonly #answers: Value[] = [];
  /** By look: its successor, the last time. */
  readonly #after: number[] = [];
  #last = -1;
  /** The second half of the looks, and the look at which that half begins. */
  readonly #stretch = new Stretch();
  #half = 0;
  /** The sequence of looks, as indices of the distinct looks. */
  #sequence = new Int32Array(1024);
  /** The number of looks so far. */
  count = 0;

  /**
   * @param seen - by element, the value that the thread saw there.
   * @param most - number of looks to answer.
   */
  begin(seen: ReadonlyMap<number, Value>, most: number): void {
    this.#seen = seen;
    this.#most = most;
    this.#half = most >>> 1;
    this.#looks.length = 0;
    this.#answers.length = 0;
    this.#after.length = 0;
    this.#last = -1;
    this.count = 0;
  }

  /** Answers a repeated call, through the same view and with the same operands; {@link OTHER} for a new call. */
  repeat(op: number, handle: ElementArray, index: number, a: unknown, b: unknown): Value | typeof OTHER {
    if (this.count >= this.#most || this.#last < 0) return OTHER;
    const looks = this.#looks;
    const guess = this.#after[this.#last] as number;
    for (let i = guess, tried = 0; tried < looks.length; tried++, i = i + 1 < looks.length ? i + 1 : 0) {
      const look = looks[i] as Point;
      if (look.handle === handle && look.index === index && look.op === op && look.a === a && look.b === b)
        return this.#note(i);
    }
    return OTHER;
  }

  answer(point: Point): Value | typeof OTHER {
    if (this.count >= this.#most || !mayOnlyLook(point)) return OTHER;
    const known = this.#looks.findIndex((look) => sameOperation(look, point));
    if (known >= 0) return this.#note(known);
    if (!this.#seen.has(point.element)) return OTHER;
    const answer = this.#seen.get(point.element);
    if (!onlyLooked(point, answer)) return OTHER;
    this.#looks.push(point);
    this.#answers.push(answer);
    this.#after.push(this.#looks.length - 1);
    return this.#note(this.#looks.length - 1);
  }

  /**
   * Whether the thread carried a value from look to look, in the second half of its allowance of looks. Ask right after
   * the run. Only rewritten code tells.
   */
  get carries(): boolean {
    return this.count >= this.#most && this.#stretch.carries;
  }

  /** Whether these looks, the oldest first, are the ones that the thread repeated. */
  isRepetitionOf(path: readonly Point[], from: number, period: number): boolean {
    for (let k = 0; k < period && k < this.count; k++) {
      const look = this.#looks[this.#sequence[k] as number] as Point;
      if (!sameOperation(path[from + k] as Point, look)) return false;
    }
    const sequence = this.#sequence;
    for (let i = period; i < this.count; i++) if (sequence[i] !== sequence[i - period]) return false;
    return this.count >= period;
  }

  #note(i: number): Value {
    if (this.#last >= 0) this.#after[this.#last] = i;
    this.#last = i;
    if (this.count === this.#sequence.length) {
      const longer = new Int32Array(this.count * 4);
      longer.set(this.#sequence);
      this.#sequence = longer;
    }
    if (this.count === this.#half) this.#stretch.begin();
    this.#sequence[this.count++] = i;
    return this.#answers[i];
  }
}
