/**
 * One lock for the 128-bit atomics of all vCPUs, because WebAssembly has no atomics of that width. A plain 64-bit store to one
 * half may still come between the two halves, as on hardware without LSE2.
 *
 * A thread that dies with the lock leaves it locked. After that death has ended the run, the others proceed without the lock
 * until they check for the end.
 */
import { pairLock, runHasEnded } from './context';

export function lockPairs(): void {
  while (atomic.cmpxchg<u32>(pairLock, 0, 1) !== 0) if (runHasEnded()) return;
}

export function unlockPairs(): void {
  atomic.store<u32>(pairLock, 0);
}

export function cas128(at: usize, low: u64, high: u64, newLow: u64, newHigh: u64): boolean {
  lockPairs();
  const same = atomic.load<u64>(at) === low && atomic.load<u64>(at + 8) === high;
  if (same) {
    atomic.store<u64>(at, newLow);
    atomic.store<u64>(at + 8, newHigh);
  }
  unlockPairs();
  return same;
}
