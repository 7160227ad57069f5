import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { compiled } from './entry.ts';
import type { Task } from './task.ts';
import { Thread } from './thread.ts';

/**
 * The threads of a machine: a fixed pool, each thread held for as long as its vCPU or device lives. `atomics` is off
 * because a thread of ours is woken by the machine, never by the pool.
 */
export class ThreadPool {
  readonly #pool: Piscina;

  /** @param threads - how many there will be, all at once */
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
  }

  /** Starts a thread; what it answers is an error that names it if it dies. */
  start(entry: 'vcpu' | 'program', task: Omit<Task, 'port'>): Thread {
    const { port1, port2 } = new MessageChannel();
    const abort = new AbortController();
    const ended = this.launch(entry, { ...task, port: port2 } satisfies Task, [port2], abort.signal);
    return new Thread(task.name, port1, ended, abort);
  }

  /** Runs the function that `workers/` exports under the name of its file, in a thread of its own; settles when it ends. */
  launch(entry: string, task: unknown, ports: readonly MessagePort[], signal?: AbortSignal): Promise<void> {
    return this.#pool.run(task, {
      filename: fileURLToPath(compiled(import.meta.url, `../../workers/${entry}.ts`)),
      name: entry,
      transferList: [...ports],
      ...(signal ? { signal } : {}),
    }) as Promise<void>;
  }

  /** Ends every thread, whatever it is doing. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
