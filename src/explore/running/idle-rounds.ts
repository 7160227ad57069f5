import type { Point, Value } from './operation.ts';
import { sameOperation } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** How many extra rounds to insert: a few, and more than code would count before acting differently. */
const ROUNDS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 1000];
/** Most looks of the inserted rounds: long rounds are inserted fewer times. */
const MOST_LOOKS = 10_000;
/** The first schedules with such loops that are checked; later ones only if their number is a power of two. */
const FIRST = 32;

/**
 * Detects threads that count their rounds of waiting. A held thread goes round its loop once at each release,
 * after a wait of any length. Code that counts its rounds (an adaptive lock, a back-off) acts differently
 * after more rounds. So the check runs the thread's code with extra rounds inserted into its log: if the code
 * then acts differently, the search missed some schedules.
 */
export class IdleRounds {
  /** The number of a thread that counts its rounds; -1 for none. */
  counts = -1;
  /** By release from a loop: the thread, its number of operations then, and the looks of one round. */
  readonly #left: { readonly t: number; readonly at: number; readonly period: number }[] = [];
  #schedules = 0;

  /** Begins a schedule. */
  begin(): void {
    if (this.#left.length > 0) this.#left.length = 0;
  }

  /** Records that thread `t` leaves a loop after `at` operations. */
  leave(t: number, at: number, period: number): void {
    if (this.counts < 0) this.#left.push({ t, at, period });
  }

  /**
   * Checks a schedule that was run and verified.
   * @param pending - by thread, its current point
   * @param waiting - sleeping threads, as bits: their last operation has no answer
   */
  check(
    runner: ThreadRunner,
    paths: readonly (readonly Point[])[],
    answers: readonly (readonly Value[])[],
    done: Int32Array,
    pending: readonly Point[],
    waiting: number,
  ): void {
    if (this.#left.length === 0) return;
    const n = this.#schedules++;
    if (n >= FIRST && (n & (n - 1)) !== 0) return;
    for (const { t, at, period } of this.#left) {
      const [path, answered, expected] = [paths[t] ?? [], answers[t] ?? [], pending[t] as Point];
      const count = (done[t] as number) - ((waiting >>> t) & 1);
      for (const wanted of ROUNDS) {
        const rounds = Math.min(wanted, Math.ceil(MOST_LOOKS / period));
        const more = rounds * period;
        const longer = withRounds(path, at, period, rounds, count);
        const saw = runner.resume(t, longer, withRounds(answered, at, period, rounds, count), count + more);
        if (runner.mismatchAt < 0 && saw.op === expected.op && sameOperation(saw, expected)) continue;
        this.counts = t;
        return;
      }
    }
  }
}

/** The list with the round that ends at `at` repeated `rounds` more times. */
function withRounds<T>(list: readonly T[], at: number, period: number, rounds: number, count: number): T[] {
  const longer = list.slice(0, at);
  for (let round = 0; round < rounds; round++)
    for (let k = at - period; k < at; k++) longer.push(list[k] as T);
  for (let k = at; k < count; k++) longer.push(list[k] as T);
  return longer;
}
