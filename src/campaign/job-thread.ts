import { IrqError, type PlainError, toPlain } from '../base/irq-error.ts';
import { WorkerPool } from '../base/pool.ts';
import { load, store } from '../memory/word.ts';
import { BEAT, type JobAnswer, type JobTask } from './job.ts';

/** A thread that has not moved for so long is stuck: a module that loops during loading, or native code. */
const SILENT_MS = 45_000;
const LOOK_MS = 250;

export type JobThreadsOptions = {
  readonly threads: number;
  /** A job without a beat for so long is given up, ms; see {@link SILENT_MS}. */
  readonly silentMs?: number | undefined;
};

/**
 * The threads of this process that do jobs. The next job has a thread even if code under test kills or blocks
 * its own.
 */
export class JobThreads {
  readonly #pool: WorkerPool;
  readonly #silentMs: number;
  readonly #running = new Set<Int32Array<SharedArrayBuffer>>();
  #stopped = false;

  constructor({ threads, silentMs = SILENT_MS }: JobThreadsOptions) {
    this.#pool = new WorkerPool(threads, heapOf(threads));
    this.#silentMs = silentMs;
  }

  async run(task: Omit<JobTask, 'control'>): Promise<JobAnswer> {
    if (this.#stopped) return { stopped: true };
    const control = new Int32Array(new SharedArrayBuffer(8));
    const abort = new AbortController();
    let beats = 0;
    let movedAt = performance.now();
    let isSilent = false;
    const timer = setInterval(() => {
      const now = load(control, BEAT);
      if (now !== beats) {
        beats = now;
        movedAt = performance.now();
      } else if (performance.now() - movedAt > this.#silentMs) {
        isSilent = true;
        abort.abort();
      }
    }, LOOK_MS);
    this.#running.add(control);
    try {
      return await this.#pool.run<JobAnswer>('campaign', { ...task, control }, [], abort.signal);
    } catch (error) {
      return { error: isSilent ? silence(this.#silentMs) : deathOf(error) };
    } finally {
      clearInterval(timer);
      this.#running.delete(control);
    }
  }

  /** Tells jobs under way to stop; later ones do not begin. */
  stop(): void {
    this.#stopped = true;
    for (const control of this.#running) store(control, 0, 1);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function silence(ms: number): PlainError {
  return toPlain(
    new IrqError(
      'ERR_THREAD_SILENT',
      `the thread of the job did not move for ${ms / 1000} s, and was ended: the code under test loops where it calls no Atomics`,
    ),
  );
}

function deathOf(error: unknown): PlainError {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
    return toPlain(
      new IrqError('ERR_THREAD_DIED', `the thread of the job ran out of memory: ${message ?? code}`),
    );
  return toPlain(
    new IrqError('ERR_THREAD_DIED', `the code under test ended the thread of the job: ${message ?? ''}`),
  );
}

const LEAST_MB = 256;
const MOST_MB = 2048;

/** The heap of each thread, MB: so that a job that fills its own leaves the machine standing. */
function heapOf(threads: number): number {
  const { constrainedMemory } = process;
  const bytes = constrainedMemory.call(process) || Number.MAX_SAFE_INTEGER;
  return Math.max(LEAST_MB, Math.min(MOST_MB, Math.floor(bytes / 2 / threads / 2 ** 20)));
}
