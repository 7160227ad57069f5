import { Worker } from 'node:worker_threads';
import { compiled } from '../../base/compiled.ts';
import { fromPlain, IrqError } from '../../base/irq-error.ts';
import { readThrown } from '../../base/thrown.ts';
import type { Progress } from '../search/progress.ts';
import type { SearchAnswer, SearchMessage, SearchTask } from './search-task.ts';

/** A caller's means to follow a search, and to end the search. */
export type SearchControl = {
  /** Stops the search at its next batch of schedules; the answer has the findings so far. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
};

/** A search without an answer: the thread was ended while code under test was busy. */
export type Unanswered = {
  readonly unanswered: 'interrupted' | 'time';
  readonly last: Progress;
};

/** The bound on loading a scenario's modules. */
const LOAD_MS = 30_000;
/** How late the answer of a search may be: after its own bound on time, and after a request to stop. */
const LATE_MS = 2_000;
const STOP_MS = 250;
/** The bound on shrinking a failure. */
const SHRINK_MS = 60_000;
const LOOK_MS = 100;

/**
 * Does a task in a thread of its own, so that code under test cannot keep the answer or the process: by endless loops,
 * `process.exit`, live timers and workers, a full heap.
 * @param seconds - the search's bound on its time, as in its options.
 * @returns the answer, or the findings so far when the thread had to be ended.
 * @throws IrqError `ERR_FILE`, `ERR_SCENARIO`, `ERR_TOKEN`, `ERR_UNSUPPORTED` as the task throws them;
 * `ERR_THREAD_DIED` if code under test ended the thread.
 */
export async function runSearch<T extends SearchTask>(
  task: T,
  seconds: number,
  { signal, onProgress }: SearchControl = {},
): Promise<SearchAnswer[T['does']] | Unanswered> {
  const stopWord = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(compiled(import.meta.url, '../../../workers/search.ts')), {
    workerData: 'options' in task ? { ...task, options: { ...task.options, stopWord } } : task,
    stdout: true,
    stderr: true,
  });
  // Output of code under test is not the result.
  worker.stdout.pipe(process.stderr, { end: false });
  worker.stderr.pipe(process.stderr, { end: false });
  const timing = new Timing(seconds);
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    storeStop(stopWord);
    timing.stop();
  };
  try {
    return await new Promise<SearchAnswer[T['does']] | Unanswered>((resolve, reject) => {
      const died = (message: string): void => reject(new IrqError('ERR_THREAD_DIED', message));
      worker.on('message', (message: SearchMessage) => {
        if ('error' in message) reject(fromPlain(message.error));
        else if ('answer' in message) resolve(message.answer as SearchAnswer[T['does']]);
        else {
          timing.hear(message.progress);
          onProgress?.(message.progress);
        }
      });
      worker.on('error', (error) =>
        died(`the code under test ended its thread: ${readThrown(error).message}`),
      );
      worker.on('exit', (code) => died(`the code under test ended its thread with exit code ${code}`));
      timer = setInterval(() => {
        const over = timing.isOver();
        if (over === 'load') {
          reject(
            new IrqError(
              'ERR_SCENARIO',
              `the modules of the scenario did not load within ${LOAD_MS / 1000} s: a top-level await that never settles, or an endless loop`,
            ),
          );
        } else if (over !== undefined) resolve({ unanswered: over, last: timing.last });
      }, LOOK_MS);
      if (signal?.aborted) stop();
      signal?.addEventListener('abort', stop, { once: true });
    });
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
    worker.removeAllListeners('exit');
    const end = worker.terminate();
    // After Ctrl-C the user waits for the result, and not for the end of the thread.
    if (!signal?.aborted) await end;
  }
}

function storeStop(word: Int32Array): void {
  Atomics.store(word, 0, 1);
}

/** Decides when a search thread has exceeded its time. */
class Timing {
  readonly #bound: number;
  #loadedAt: number | undefined;
  #stopAt = Infinity;
  readonly #startedAt = performance.now();
  last: Progress = {
    stage: 'load',
    scenario: '',
    phase: '',
    schedules: 0,
    steps: 0,
    seconds: 0,
    failed: false,
  };

  constructor(seconds: number) {
    this.#bound = seconds * 1000 + LATE_MS;
  }

  hear(progress: Progress): void {
    this.#loadedAt ??= performance.now();
    this.last = progress;
  }

  stop(): void {
    this.#stopAt = Math.min(this.#stopAt, performance.now() + STOP_MS);
  }

  isOver(): 'load' | 'interrupted' | 'time' | undefined {
    const now = performance.now();
    if (now > this.#stopAt) return 'interrupted';
    if (this.#loadedAt === undefined) return now - this.#startedAt > LOAD_MS ? 'load' : undefined;
    const bound = this.#bound + (this.last.failed ? SHRINK_MS : 0);
    return now - this.#loadedAt > bound ? 'time' : undefined;
  }
}
