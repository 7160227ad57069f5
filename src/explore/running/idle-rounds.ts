import type { Point, Value } from './operation.ts';
import { sameOperation } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** How many rounds are put in: a few, and more than code would count to before it does something else. */
const ROUNDS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 1000];
/** Of long rounds so many fewer are put in, that the code makes no more looks than this. */
const MOST_LOOKS = 10_000;
/** So many schedules with such loops are looked at, and after that those whose number is a power of two. */
const FIRST = 32;

/**
 * Whether threads count the rounds that they wait. A held thread goes round its loop once for each time that it is let
 * on, however long it waits; code that counts its rounds (an adaptive lock, a back-off) would do something else after
 * more of them. So its code is run with more rounds put into its log: where it does something else then, the search has
 * left schedules out.
 */
export class IdleRounds {
  /** A thread, by number, that counts its rounds; -1 where none does. */
  counts = -1;
  /** Which thread was let on, after how many operations, and how many looks a round of its loop has. */
  readonly #left: { readonly t: number; readonly at: number; readonly period: number }[] = [];
  #schedules = 0;

  /** Begins a schedule. */
  begin(): void {
    if (this.#left.length > 0) this.#left.length = 0;
  }

  /** Thread `t` goes on from a loop after `at` operations. */
  leave(t: number, at: number, period: number): void {
    if (this.counts < 0) this.#left.push({ t, at, period });
  }

  /**
   * Looks at a schedule that has been run and was right.
   * @param pending - by thread, where it stands
   * @param waiting - threads that sleep, as bits: their last operation has no answer
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

/** A list in which the round that ends at `at` stands so many times more. */
function withRounds<T>(list: readonly T[], at: number, period: number, rounds: number, count: number): T[] {
  const longer = list.slice(0, at);
  for (let round = 0; round < rounds; round++)
    for (let k = at - period; k < at; k++) longer.push(list[k] as T);
  for (let k = at; k < count; k++) longer.push(list[k] as T);
  return longer;
}
