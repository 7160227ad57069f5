import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { compiled } from './compiled.ts';
import { requireDescriptors } from './descriptor-limit.ts';

/**
 * Worker threads: a fixed number, all started at once, each held by one task until that task ends. `atomics` is off:
 * shared memory wakes our threads, never the pool.
 */
export class WorkerPool {
  readonly #pool: Piscina;

  /**
   * @param threads - number of workers; a task beyond them waits until a worker is free
   * @param heapMb - the most memory of each thread's heap, MB; Node.js's own bound if left out
   * @throws IrqError `ERR_CONFIG` if the process may not open enough files for so many
   */
  constructor(threads: number, heapMb?: number) {
    requireDescriptors(threads);
    this.#pool = new Piscina({
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      // piscina tries require() first, and ending a thread while it requires a module of ours aborts Node 20.
      execArgv: ['--no-experimental-require-module'],
      idleTimeout: Number.POSITIVE_INFINITY,
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
      workerHistogram: false,
      recordTiming: false,
    });
    // An error thrown outside a task would end the process. The thread's task is rejected all the same.
    this.#pool.on('error', () => {});
  }

  /**
   * Runs one function of `workers/` in a free thread; settles with the function.
   * @param entry - name of the file in `workers/` and of its exported function
   * @param task - the function's argument; structured-cloneable
   * @param ports - ports inside `task`, which are transferred to the thread
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
