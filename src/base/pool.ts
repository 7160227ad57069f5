import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { compiled } from './compiled.ts';
import { requireDescriptors } from './descriptor-limit.ts';

/**
 * Worker threads: a fixed number, started all at once, each held by one task until that task ends. `atomics` is off
 * because shared memory wakes our threads, never the pool.
 */
export class WorkerPool {
  readonly #pool: Piscina;

  /**
   * @param threads - number of workers; a task beyond them waits until one is free
   * @param heapMb - the most memory of each thread's heap, MB; Node.js's own bound where not given
   * @throws IrqError `ERR_CONFIG` where the process may not open enough files for so many
   */
  constructor(threads: number, heapMb?: number) {
    requireDescriptors(threads);
    this.#pool = new Piscina({
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      // piscina tries require() first; a thread that is ended while it requires a module of ours aborts Node 20 as a whole.
      execArgv: ['--no-experimental-require-module'],
      idleTimeout: Number.POSITIVE_INFINITY,
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
      workerHistogram: false,
      recordTiming: false,
    });
    // An error that a thread throws outside of its task would end the process. Its task is rejected all the same.
    this.#pool.on('error', () => {});
  }

  /**
   * Runs one function of `workers/` in a free thread; settles when the function does.
   * @param entry - name of the file in `workers/` and of the function that the file exports
   * @param task - the function's argument; structured-cloneable
   * @param ports - ports inside `task`, which move to the thread
   * @param signal - ends the thread when it aborts, even while the thread spins or sleeps
   */
  run<Result>(
    entry: string,
    task: unknown,
    ports: readonly MessagePort[] = [],
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#pool.run(task, {
      filename: fileURLToPath(compiled(import.meta.url, `../../workers/${entry}.ts`)),
      name: entry,
      transferList: [...ports],
      ...(signal === undefined ? {} : { signal }),
    }) as Promise<Result>;
  }

  /** Ends every thread, even one that spins or sleeps. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
