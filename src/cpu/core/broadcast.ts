/**
 * TLB maintenance of the inner shareable domain: it moves an epoch that all vCPUs share, in the word behind their lock. A
 * vCPU that finds the epoch moved forgets its translations: when a run begins, and every slice from then on. So another
 * vCPU may use an old translation for the rest of its slice.
 */
import { EXIT_STOP } from './block';
import { pairLock, setExit } from './context';
import { flushTlb } from './memory';
import { buffering } from './store-buffer';

let seen: u32 = 0;

/** Flushes here, and makes all others flush. */
export function flushAll(): void {
  const before = atomic.add<u32>(pairLock + 4, 1);
  if (before === seen) seen = before + 1;
  flushTlb();
  // Stores that others made by the old translations are over when the DSB is: the schedule drains them first.
  if (buffering) setExit(EXIT_STOP);
}

/** Flushes where another vCPU has asked for it. @inline */
export function heedFlushes(): void {
  const epoch = atomic.load<u32>(pairLock + 4);
  if (epoch === seen) return;
  seen = epoch;
  flushTlb();
}
