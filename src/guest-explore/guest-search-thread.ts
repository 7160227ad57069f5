import { setTimeout as after } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { compiled } from '../base/compiled.ts';
import { fromPlain, IrqError, type toPlain } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';
import { store, type Words } from '../memory/word.ts';
import { type GuestProgress, type GuestSearch, noProgress, partialResult } from './explore-guest.ts';
import type { GuestExploreResult } from './result.ts';

/** A search as data: the names of the guest's functions are in `symbolFile`, an ELF file or a System.map. */
export type GuestSearchTask = Omit<GuestSearch, 'symbols'> & { readonly symbolFile: Uint8Array };

/** What the thread gets. A `stopWord` other than 0 ends the search. */
export type GuestSearchData = { readonly task: GuestSearchTask; readonly stopWord: Words };

/** What the thread posts: how far the search is, at last its result, or the error that ended the search. */
export type GuestSearchMessage =
  | { readonly progress: GuestProgress }
  | { readonly result: GuestExploreResult }
  | { readonly error: ReturnType<typeof toPlain> };

/** After a request to stop, the thread has so long for its own result, ms. */
const STOP_MS = 250;

/**
 * Searches the schedules of a guest in a thread of its own, so that the main one hears Ctrl-C in the middle of a boot, of a schedule, or
 * of making a schedule smaller.
 * @returns the result; where the thread could not end in time after `signal`, its counts
 * @throws IrqError `ERR_THREAD_DIED`, or the error of the search
 */
export async function searchGuest(
  task: GuestSearchTask,
  watch: { readonly signal?: AbortSignal; readonly onProgress?: (progress: GuestProgress) => void } = {},
): Promise<GuestExploreResult> {
  const { signal, onProgress } = watch;
  const stopWord = new Int32Array(new SharedArrayBuffer(4));
  const workerData: GuestSearchData = { task, stopWord };
  const worker = new Worker(new URL(compiled(import.meta.url, '../../workers/guest-search.ts')), {
    workerData,
  });
  let last = noProgress(task);
  let isStopped = false;
  let stop: () => void = () => undefined;
  try {
    return await new Promise<GuestExploreResult>((resolve, reject) => {
      stop = () => {
        isStopped = true;
        store(stopWord, 0, 1);
        void after(STOP_MS).then(() => resolve(partialResult(task, last)));
      };
      worker.on('message', (message: GuestSearchMessage) => {
        // The boot of a guest that was stopped ends with an error: the guest has not come to its moment.
        if ('error' in message)
          return isStopped ? resolve(partialResult(task, last)) : reject(fromPlain(message.error));
        if ('result' in message) return resolve(message.result);
        last = message.progress;
        onProgress?.(last);
      });
      const died = (why: string) =>
        reject(new IrqError('ERR_THREAD_DIED', `the thread of the search ended: ${why}`));
      worker.on('error', (error) => died(readThrown(error).message));
      worker.on('exit', (code) => died(`exit code ${code}`));
      if (signal?.aborted) stop();
      signal?.addEventListener('abort', stop, { once: true });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    worker.removeAllListeners('exit');
    const end = worker.terminate();
    // After Ctrl-C the user waits for the result, and not for the end of the thread.
    if (!isStopped) await end;
  }
}
