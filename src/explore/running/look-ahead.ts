import type { SharedMemory } from '../memory/shared-memory.ts';
import { valueAt } from './execute.ts';
import { LOCK, NOTIFY, type Point, type Value, WAIT } from './operation.ts';
import { repeatsLook } from './spin.ts';

/** Longest loop, in looks, at which looking ahead stops. */
const LONGEST_LOOP = 8;

/** The answer of {@link LookAhead.answer} to an operation whose answer is unknown. */
export const UNKNOWN = Symbol('not known');

/**
 * Predicts a thread's operations while no other thread acts. Running a thread's code from its start costs as
 * much as the thread has done so far. So a run that comes to an operation without an answer does the
 * operation on the present memory, and goes on; the known points remember its operations as the likeliest.
 * Amortises re-execution: an uninterrupted thread runs about twice, and not once for each operation. The
 * caller restores the memory.
 */
export class LookAhead {
  #path: Point[] = [];
  #answers: Value[] = [];
  #from = 0;
  #most = 0;
  #someSleep = false;
  readonly #memory: SharedMemory;
  /** The number of points written behind the thread's log; the last of them has no answer. */
  count = 0;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /**
   * @param path - the thread's operations so far, and their answers; new operations are written behind them.
   * @param from - their number.
   * @param most - most operations to predict; 0 for none.
   * @param someSleep - whether a notify could wake a thread.
   */
  begin(path: Point[], answers: Value[], from: number, most: number, someSleep: boolean): void {
    this.#path = path;
    this.#answers = answers;
    this.#from = from;
    this.#most = most;
    this.#someSleep = someSleep;
    this.count = 0;
  }

  /** Records the thread's next operation, and executes the operation if possible. */
  answer(point: Point): Value | typeof UNKNOWN {
    const at = this.#from + this.count;
    // A loop that may await other threads is examined more closely when the thread gets there.
    if (this.count > 0 && repeatsLook(this.#path, this.#answers, at, point, LONGEST_LOOP)) return UNKNOWN;
    this.#path[at] = point;
    if (this.count++ >= this.#most) return UNKNOWN;
    const answer = this.#do(point);
    if (answer !== UNKNOWN) this.#answers[at] = answer;
    return answer;
  }

  /** Records that the thread has ended, or thrown. */
  end(last: Point): void {
    this.#path[this.#from + this.count++] = last;
  }

  #do(point: Point): Value | typeof UNKNOWN {
    switch (point.op) {
      case WAIT:
        return valueAt(point) !== point.a ? 'not-equal' : point.b === 0 ? 'timed-out' : UNKNOWN;
      case NOTIFY:
        return this.#someSleep ? UNKNOWN : 0;
      case LOCK:
        return valueAt(point) === 0 ? this.#memory.execute(point) : UNKNOWN;
      default:
        return this.#memory.execute(point);
    }
  }
}
