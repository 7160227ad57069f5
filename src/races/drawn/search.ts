import { availableParallelism } from 'node:os';
import { Chance } from '../../base/chance.ts';
import { WorkerPool } from '../../base/pool.ts';
import { load, store } from '../../memory/word.ts';
import { MOST_PROGRAMS } from './drawn-names.ts';
import type { DrawnAnswer, DrawnFailure, DrawnTask } from './search-entry.ts';

/**
 * Words that a search shares with its threads: whether to draw no more programs, whether to leave a failing
 * schedule unshrunk, and by thread the number of programs done.
 */
const STOP = 0;
const ENOUGH = 1;
const DONE = 2;
/** How long a failing schedule may be made smaller, ms. */
const SHRINK_MS = 5_000;
/** No more threads than that: with few threads of the search for each core, the programs of the first are done the soonest. */
const MOST_THREADS = 16;
const LOOK_MS = 100;

export type DrawnOptions = {
  readonly seed: number;
  readonly seconds: number;
  /** Worker threads; as many as the machine has cores, where not given. */
  readonly jobs?: number;
};

export type DrawnWatch = {
  /** Ends the search; the result has the findings until then. */
  readonly signal?: AbortSignal;
  /** Called ten times a second with the number of programs that are done. */
  readonly glance?: (programs: number) => void;
};

/** The result of programs drawn for the smallest machine. */
export type DrawnResult = {
  readonly programs: number;
  readonly schedules: number;
  readonly steps: number;
  readonly seconds: number;
  /** The first program that failed; null where none did. */
  readonly failure: DrawnFailure | null;
};

/**
 * Draws one program after the other, of a few threads on the smallest machine, and runs each under random schedules, in which threads
 * are preempted at any shared operation. Ends at the first that fails, or when the time is over.
 * @throws IrqError `ERR_THREAD_DIED`
 */
export async function searchDrawn(
  { seed, seconds, jobs = Math.min(availableParallelism(), MOST_THREADS) }: DrawnOptions,
  { signal, glance }: DrawnWatch = {},
): Promise<DrawnResult> {
  const words = new Int32Array(new SharedArrayBuffer(4 * (DONE + jobs)));
  const stop = () => {
    store(words, STOP, 1);
    store(words, ENOUGH, 1);
  };
  const pool = new WorkerPool(jobs);
  const chance = new Chance(seed);
  chance.begin(0);
  const first = chance.below(MOST_PROGRAMS);
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  let foundAt = Number.POSITIVE_INFINITY;
  const look = setInterval(() => {
    const now = performance.now();
    if (load(words, STOP) !== 0) foundAt = Math.min(foundAt, now);
    if (now > foundAt + SHRINK_MS) store(words, ENOUGH, 1);
    let programs = 0;
    for (let job = 0; job < jobs; job++) programs += load(words, DONE + job);
    glance?.(programs);
  }, LOOK_MS);
  const start = performance.now();
  try {
    const answers = await Promise.all(
      Array.from({ length: jobs }, (_, job) => {
        const task: DrawnTask = {
          first: first + job,
          step: jobs,
          seconds,
          words,
          stopAt: STOP,
          enoughAt: ENOUGH,
          doneAt: DONE + job,
        };
        return pool.run<DrawnAnswer>('drawn', task);
      }),
    );
    const sum = (of: 'programs' | 'schedules' | 'steps') =>
      answers.reduce((all, answer) => all + answer[of], 0);
    return {
      programs: sum('programs'),
      schedules: sum('schedules'),
      steps: sum('steps'),
      seconds: (performance.now() - start) / 1000,
      failure: answers.find(({ failure }) => failure !== null)?.failure ?? null,
    };
  } finally {
    clearInterval(look);
    signal?.removeEventListener('abort', stop);
    await pool.destroy();
  }
}
