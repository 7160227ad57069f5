import { parentPort, workerData } from 'node:worker_threads';
import { toPlain } from '../base/irq-error.ts';
import { load } from '../memory/word.ts';
import { exploreGuest, type GuestProgress } from './explore-guest.ts';
import type { GuestSearchData, GuestSearchMessage } from './guest-search-thread.ts';
import { readSymbols } from './symbols.ts';

/** Searches, and posts the result. In a thread of its own, see guest-search-thread.ts. */
export async function serveGuestSearch(): Promise<void> {
  const post = (message: GuestSearchMessage): void => parentPort?.postMessage(message);
  const { task, stopWord } = workerData as GuestSearchData;
  const signal = {
    get aborted(): boolean {
      return load(stopWord, 0) !== 0;
    },
  };
  try {
    const { symbolFile, ...search } = task;
    const watch = { signal, onProgress: (progress: GuestProgress) => post({ progress }) };
    post({ result: await exploreGuest({ ...search, symbols: readSymbols(symbolFile) }, watch) });
  } catch (error) {
    post({ error: toPlain(error) });
  }
}
