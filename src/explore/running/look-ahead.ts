import type { SharedMemory } from '../memory/shared-memory.ts';
import { valueAt } from './execute.ts';
import { LOCK, NOTIFY, type Point, type Value, WAIT } from './operation.ts';
import { repeatsLook } from './spin.ts';

/** Loops of so many looks are not looked ahead through. */
const LONGEST_LOOP = 8;

/** What {@link LookAhead.answer} says where it cannot tell how the operation would be answered. */
export const UNKNOWN = Symbol('not known');

/**
 * How a thread goes on as long as no other does anything. To run a thread's code from its start costs what the thread
 * has done so far, however little is learnt by it; so a run that has come to an operation without an answer does it, on
 * the memory as it is, and goes on, and what it meets is remembered as the likeliest. A thread that is not interrupted
 * is so run as far as it gets about twice, and not once for each of its operations. The caller puts the memory
 * back.
 */
export class LookAhead {
  #path: Point[] = [];
  #answers: Value[] = [];
  #from = 0;
  #most = 0;
  #someSleep = false;
  readonly #memory: SharedMemory;
  /** How many points have been written behind the thread's log; the last of them has no answer. */
  count = 0;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /**
   * @param path - the thread's operations so far, and their answers; what is met is written behind them.
   * @param from - how many they are.
   * @param most - for how many operations to go on; 0 for not at all.
   * @param someSleep - a notify could wake a thread.
   */
  begin(path: Point[], answers: Value[], from: number, most: number, someSleep: boolean): void {
    this.#path = path;
    this.#answers = answers;
    this.#from = from;
    this.#most = most;
    this.#someSleep = someSleep;
    this.count = 0;
  }

  /** The thread asks for this. Notes it, and does it where that is possible. */
  answer(point: Point): Value | typeof UNKNOWN {
    const at = this.#from + this.count;
    // A loop that may be awaiting what others do is looked at more closely when the thread gets there.
    if (this.count > 0 && repeatsLook(this.#path, this.#answers, at, point, LONGEST_LOOP)) return UNKNOWN;
    this.#path[at] = point;
    if (this.count++ >= this.#most) return UNKNOWN;
    const answer = this.#do(point);
    if (answer !== UNKNOWN) this.#answers[at] = answer;
    return answer;
  }

  /** The thread has ended, or thrown. */
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
