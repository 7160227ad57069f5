import type { LeftBehind } from '../control/left-behind.ts';
import type { CheckedScenario } from '../loading/scenario.ts';

/** The findings about the threads from all schedules of a search, as plain data. */
export type Observed = {
  /** Threads that did at least one operation on shared memory in some schedule, as bits. */
  readonly acted: number;
  /** By thread: the work that the thread left to the event loop. */
  readonly left: readonly (readonly [thread: number, what: readonly string[]])[];
};

/** Collects findings about the threads from the schedules of a search. */
export class Observations {
  #acted = 0;
  readonly #left = new Map<number, Set<string>>();

  /** A schedule has been run. `done`: operations by thread. */
  addSchedule(done: Int32Array): void {
    for (let t = 0; t < done.length; t++) if ((done[t] as number) > 0) this.#acted |= 1 << t;
  }

  addLeft({ seen }: LeftBehind): void {
    for (const [thread, what] of seen) this.#leave(thread, what);
  }

  merge({ acted, left }: Observed): void {
    this.#acted |= acted;
    for (const [thread, what] of left) this.#leave(thread, what);
  }

  toPlain(): Observed {
    return { acted: this.#acted, left: [...this.#left].map(([thread, what]) => [thread, [...what]]) };
  }

  /** Sentences on why the search is no answer about these threads. */
  gaps({ threadNames }: Pick<CheckedScenario, 'threadNames'>): string[] {
    const idle = threadNames.filter((_, t) => (this.#acted & (1 << t)) === 0);
    const gaps: string[] = [];
    if (idle.length > 0) {
      const [one] = idle;
      const subject = idle.length === 1 ? `thread ${one} did` : `threads ${idle.join(', ')} did`;
      gaps.push(
        `${subject} no operation on memory that the scenario shares, in any schedule: nothing was searched of ${idle.length === 1 ? 'its' : 'their'} code`,
      );
    }
    for (const [thread, what] of this.#left) {
      gaps.push(
        `thread ${threadNames[thread]} left ${[...what].join(' and ')} behind: the callback runs after the thread has ended, outside of every schedule`,
      );
    }
    return gaps;
  }

  #leave(thread: number, what: Iterable<string>): void {
    const known = this.#left.get(thread) ?? new Set<string>();
    this.#left.set(thread, known);
    for (const each of what) known.add(each);
  }
}
