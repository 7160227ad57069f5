import { Worker } from 'node:worker_threads';
import { compiled } from '../base/compiled.ts';
import { fromPlain, IrqError, type toPlain } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';
import type { Failure } from '../explore/index.ts';
import type { Race } from './race.ts';
import type { RaceOptions, RaceResult, RaceRun } from './run.ts';

/** The races that the thread runs. */
export type RacesTask = { readonly slugs: readonly string[]; readonly options: RaceOptions };

/** A message of the thread: the outcome of the next race, or the error that ends all of them. */
export type RacesMessage =
  | { readonly result: RaceResult; readonly failure?: Failure }
  | { readonly error: ReturnType<typeof toPlain> };

/** How a caller follows the races, and ends them. */
export type RacesWatch = {
  /** Ends the thread: the outcome has the races that were done by then. */
  readonly signal?: AbortSignal;
  /** Called with the number of races that are done, at first with 0. */
  readonly each?: (done: number) => void;
};

/**
 * Runs races one after the other in a thread of its own, so that the main one hears Ctrl-C in the middle of a search.
 * @returns the races that were done, in their order
 * @throws IrqError `ERR_THREAD_DIED`, or the error of a race
 */
export async function runRaces(
  races: readonly Race[],
  options: RaceOptions,
  { signal, each }: RacesWatch = {},
): Promise<RaceRun[]> {
  const done: RaceRun[] = [];
  if (signal?.aborted) return done;
  const task: RacesTask = { slugs: races.map(({ slug }) => slug), options };
  const worker = new Worker(new URL(compiled(import.meta.url, '../../workers/races.ts')), {
    workerData: task,
  });
  let stop: () => void = () => undefined;
  each?.(0);
  try {
    await new Promise<void>((resolve, reject) => {
      stop = resolve;
      signal?.addEventListener('abort', stop, { once: true });
      worker.on('message', (message: RacesMessage) => {
        if ('error' in message) return reject(fromPlain(message.error));
        const race = races[done.length];
        if (race !== undefined) done.push({ race, ...message });
        each?.(done.length);
        if (done.length === races.length) resolve();
      });
      const died = (why: string) =>
        reject(new IrqError('ERR_THREAD_DIED', `the thread of the races ended: ${why}`));
      worker.on('error', (error) => died(readThrown(error).message));
      worker.on('exit', (code) => died(`exit code ${code}`));
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    worker.removeAllListeners('exit');
    await worker.terminate();
  }
  return done;
}
