import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';

/** What `workers/` has for the explorer. */
export type Entry = 'lockstep' | 'free' | 'explore' | 'search';

/** Real threads for a scenario: a fixed number, all at once, each held by one task until that ends. */
export class RealThreads {
  readonly #pool: Piscina;

  constructor(threads: number) {
    this.#pool = new Piscina({
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      // piscina tries require() first; a thread that is ended while it requires a module of ours aborts Node 20 as a whole.
      execArgv: ['--no-experimental-require-module'],
      idleTimeout: Number.POSITIVE_INFINITY,
      workerHistogram: false,
      recordTiming: false,
    });
    // What a thread throws outside its task would end the process; its task fails anyway.
    this.#pool.on('error', () => {});
  }

  /** Runs the function that `workers/` exports under the name of its file; aborting ends the thread, whatever it does. */
  run<T>(entry: Entry, task: unknown, ports: readonly MessagePort[] = [], signal?: AbortSignal): Promise<T> {
    return this.#pool.run(task, {
      filename: fileURLToPath(entryUrl(entry)),
      name: entry,
      transferList: [...ports],
      ...(signal === undefined ? {} : { signal }),
    }) as Promise<T>;
  }

  /** Ends every thread, whatever it does. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Threads start from `dist`: Node 20 cannot start one from TypeScript. */
export function entryUrl(entry: Entry): string {
  const here = import.meta.url;
  if (!here.endsWith('.ts')) return new URL(`../../../workers/${entry}.js`, here).href;
  return new URL(`../../../dist/workers/${entry}.js`, here).href;
}
