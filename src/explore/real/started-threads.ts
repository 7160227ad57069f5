import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { WorkerPool } from '../../base/pool.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { ScenarioSource } from '../loading/source.ts';
import type { SetUp } from '../running/simulation.ts';
import type { FreeTask } from './free-entry.ts';
import type { LockstepTask } from './lockstep-entry.ts';
import { fromThread } from './thread-error.ts';

/** Longest wait until a thread has loaded its scenario, ms. */
const READY_MS = 30_000;
/** Loads of a word before a thread sleeps, if threads have cores of their own: some microseconds' worth. */
const SPIN = 2000;

type Tasks = { readonly free: FreeTask; readonly lockstep: LockstepTask };

/** The worker threads of a scenario, one for each body. */
export type StartedThreads = {
  readonly pool: WorkerPool;
  /** By thread: the main thread's end of its channel. */
  readonly ports: readonly MessagePort[];
  /** Settles when all threads have ended. */
  readonly ended: Promise<unknown>;
};

/** The parts of a task that every kind of thread needs. */
type Common = {
  readonly scenario: CheckedScenario;
  readonly source: ScenarioSource;
  readonly setUp: SetUp;
  readonly seed: number;
  readonly control: Int32Array;
};

/**
 * Starts the threads of a scenario, and waits until each has loaded the scenario. The main thread.
 * @param rest - the parts of a task that only this kind of thread needs
 * @throws the error of a thread that cannot load the scenario, see {@link fromThread}
 */
export async function startThreads<Kind extends keyof Tasks>(
  kind: Kind,
  { scenario, source, setUp: { state, memory }, seed, control }: Common,
  rest: Omit<Tasks[Kind], keyof FreeTask>,
): Promise<StartedThreads> {
  const count = scenario.bodies.length;
  const { buffers, aliases } = memory;
  // Threads that share a core only keep each other from running by spinning.
  const spin = availableParallelism() > 1 ? SPIN : 0;
  const pool = new WorkerPool(count);
  const ports: MessagePort[] = [];
  const ended: Promise<unknown>[] = [];
  const ready: Promise<unknown>[] = [];
  for (let thread = 0; thread < count; thread++) {
    const { port1, port2 } = new MessageChannel();
    const task = { source, thread, seed, control, spin, state, buffers, aliases, ...rest, port: port2 };
    ended.push(pool.run(kind, task, [port2]));
    ready.push(once(port1, 'message', { signal: AbortSignal.timeout(READY_MS) }));
    port1.unref();
    ports.push(port1);
  }
  const all = Promise.all(ended);
  try {
    // A thread that cannot load the scenario ends at once.
    await Promise.race([Promise.all(ready), all]);
  } catch (error) {
    await pool.destroy();
    throw fromThread(error);
  }
  all.catch(() => {});
  return { pool, ports, ended: all };
}
