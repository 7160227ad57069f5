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
      idleTimeout: Number.POSITIVE_INFINITY,
      workerHistogram: false,
      recordTiming: false,
    });
  }

  /** Starts a thread; what it answers is an error that names it if it dies. */
  start(entry: 'vcpu' | 'program', task: Omit<Task, 'port'>): Thread {
    const { port1, port2 } = new MessageChannel();
    const abort = new AbortController();
    const ended = this.#pool.run({ ...task, port: port2 } satisfies Task, {
      filename: fileURLToPath(compiled(import.meta.url, `../../workers/${entry}.ts`)),
      name: entry,
      transferList: [port2 as unknown as MessagePort],
      signal: abort.signal,
    });
    return new Thread(task.name, port1, ended as Promise<void>, abort);
  }

  /** Ends every thread, whatever it is doing. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
