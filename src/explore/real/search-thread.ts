import { Worker } from 'node:worker_threads';
import { compiled } from '../../base/compiled.ts';
import { fromPlain, IrqError } from '../../base/irq-error.ts';
import { readThrown } from '../../base/thrown.ts';
import type { Progress } from '../search/progress.ts';
import type { SearchAnswer, SearchMessage, SearchTask } from './search-task.ts';

/** How a caller follows a search, and ends it. */
export type SearchControl = {
  /** Stops the search at its next batch of schedules; the answer says what was seen until then. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
};

/** A search that gave no answer: the thread was ended while code under test was busy. */
export type Unanswered = {
  readonly unanswered: 'interrupted' | 'time';
  readonly last: Progress;
};

/** How long the modules of a scenario may take to load. */
const LOAD_MS = 30_000;
/** How long a search may be late with its answer, after its own bound on time, and after it was told to stop. */
const LATE_MS = 2_000;
const STOP_MS = 400;
/** A search that has found a failure may go on for so long to make the failure small. */
const SHRINK_MS = 60_000;
const LOOK_MS = 100;

/**
 * Does a task in a thread of its own, so that nothing that code under test does can keep the answer, or the process:
 * endless loops, `process.exit`, timers and workers that stay alive, a heap that is full.
 * @param seconds - the bound of the search on its time, as its options have it.
 * @returns the answer, or what was known when the thread had to be ended.
 * @throws IrqError `ERR_FILE`, `ERR_SCENARIO`, `ERR_TOKEN`, `ERR_UNSUPPORTED` as the task throws them;
 * `ERR_THREAD_DIED` where code under test ended the thread.
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
  // What code under test prints is not the result.
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
    await worker.terminate();
  }
}

function storeStop(word: Int32Array): void {
  Atomics.store(word, 0, 1);
}

/** When a search thread is over its time. */
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
