import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, releaseProxy, wrap } from 'comlink';
import { outOfDescriptors } from '../base/descriptor-limit.ts';
import { IrqError } from '../base/irq-error.ts';
import type { WorkerPool } from '../base/pool.ts';
import { type Answer, unwrap } from './answer.ts';
import type { VcpuConsole } from './console.ts';
import { afterBound } from './patience.ts';
import { silentThreads } from './silent.ts';
import type { Task } from './task.ts';

/** The number of threads that this process has started so far. */
let started = 0;

/** The threads of each pool, that is, of one machine. */
const MATES = new WeakMap<WorkerPool, Set<Thread>>();

/** The bound on a thread's answer to a call that runs no program. */
export const ANSWER_BOUND_MS = 20_000;

/**
 * A thread of the machine, as the main thread sees it. Its death, or its silence past a bound, becomes an error that
 * names the thread. A comlink call to a dead thread never settles, so each call is raced against the thread's end.
 */
export class Thread {
  readonly name: string;
  /** Unique among the threads of the process. */
  readonly serial: number;
  readonly #remote: Remote<VcpuConsole>;
  readonly #port: MessagePort;
  readonly #abort: AbortController;
  readonly #died: Promise<never>;
  readonly #mates: ReadonlySet<Thread>;
  #closing = false;
  /** Settles when the thread has ended: resolves if the thread was closed, rejects if the thread died. */
  readonly ended: Promise<void>;

  /** Starts a thread of the pool; if the thread dies, calls reject with an error that names it. */
  static start(
    pool: WorkerPool,
    entry: 'vcpu' | 'program' | 'apic',
    task: Omit<Task, 'port' | 'serial'>,
  ): Thread {
    const { port1, port2 } = new MessageChannel();
    const abort = new AbortController();
    const whole: Task = { ...task, serial: ++started, port: port2 };
    const ended = pool.run<void>(entry, whole, [port2], abort.signal);
    const mates = MATES.get(pool) ?? new Set();
    MATES.set(pool, mates);
    return new Thread(whole, port1, ended, abort, mates);
  }

  private constructor(
    { name, serial }: Pick<Task, 'name' | 'serial'>,
    port: MessagePort,
    ended: Promise<void>,
    abort: AbortController,
    mates: Set<Thread>,
  ) {
    this.#mates = mates.add(this);
    this.name = name;
    this.serial = serial;
    this.#port = port;
    this.#abort = abort;
    // comlink uses an endpoint as an EventTarget with `start`; Node's MessagePort is one.
    this.#remote = wrap<VcpuConsole>(port as unknown as Parameters<typeof wrap>[0]);
    this.ended = ended.catch((cause: unknown) => {
      if (!this.#closing) throw died(name, cause);
    });
    this.#died = this.ended.then(() => {
      throw died(name, undefined);
    });
    // Callers get the end through `call`; without a call, an unhandled rejection must not end the process.
    this.#died.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /**
   * Loads and prepares the thread's program.
   * @param boundMs - time for the answer; left out, {@link ANSWER_BOUND_MS}
   * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`, or the program's error
   */
  async boot(boundMs?: number): Promise<void> {
    await this.#bounded('boot', this.#remote.boot(), boundMs);
  }

  /**
   * Runs the program to the end. Unbounded: only the program's own end, or a kick, ends it.
   * @throws the program's error; an error without a code names the thread first
   */
  async run(): Promise<unknown> {
    return this.#unwrap((await Promise.race([this.#remote.run(), this.#died])) as Answer<unknown>);
  }

  async registers(): Promise<Readonly<Record<string, number>>> {
    return this.#bounded('registers', this.#remote.registers());
  }

  /** Waits for the effect of a kick. @throws IrqError `ERR_THREAD_SILENT`, naming the thread */
  async within<T>(what: string, promise: Promise<T>, boundMs = ANSWER_BOUND_MS): Promise<T> {
    let cancel: (() => void) | undefined;
    const silent = new Promise<never>((_, reject) => {
      const message = `${this.name} did not answer "${what}" within ${boundMs} ms`;
      cancel = afterBound(boundMs, () => void silentThreads(message, [this]).then(reject));
    });
    try {
      return await Promise.race([promise, this.#died, silent]);
    } finally {
      cancel?.();
    }
  }

  /**
   * Asks the thread to end and waits for its end; past the bound, ends the thread by force.
   * @returns whether the thread ended without force
   */
  async close(boundMs = 2_000): Promise<boolean> {
    this.#closing = true;
    this.#remote.close().catch(() => undefined);
    const timer = setTimeout(() => this.#abort.abort(), boundMs);
    await this.ended.catch(() => undefined);
    clearTimeout(timer);
    this.release();
    return !this.#abort.signal.aborted;
  }

  /** Releases an ended thread: otherwise its unanswered calls stay in memory for the life of the process. */
  release(): void {
    this.#remote[releaseProxy]();
    this.#port.close();
  }

  async #bounded<T>(what: string, call: Promise<Answer<T>>, boundMs?: number): Promise<T> {
    return this.#unwrap(await this.within(what, call, boundMs));
  }

  async #unwrap<T>(answer: Answer<T>): Promise<T> {
    try {
      return unwrap(answer);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!(error instanceof IrqError)) throw outOfDescriptors(error) ?? named(this.name, error);
      if (error.code !== 'ERR_THREAD_SILENT') throw error;
      // This thread waited for another thread in vain, and does not know where that thread is.
      const others = [...this.#mates].filter((thread) => thread !== this);
      throw await silentThreads(`${this.name}: ${error.message}`, others);
    }
  }
}

/** Makes the error anew on this side, with the thread's name before its message and in its stack. */
function named(thread: string, error: Error): Error {
  const { message, stack } = error;
  error.message = `${thread}: ${message}`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}

function died(name: string, cause: unknown): IrqError {
  const why =
    cause instanceof Error ? cause.message : cause === undefined ? 'the thread ended' : String(cause);
  const descriptors = outOfDescriptors(cause);
  if (descriptors) return descriptors;
  return new IrqError('ERR_THREAD_DIED', `${name} died: ${why}`, cause === undefined ? {} : { cause });
}
