/**
 * Broadcast TLB maintenance (inner shareable). The maintaining vCPU increments an epoch that all vCPUs share, the word after their lock.
 * Each vCPU compares the epoch when a run begins, before every slice and after an import, and flushes its TLB if the epoch has changed.
 *
 * If each vCPU runs in a thread, each also has a word: the epoch that it has applied, or OUTSIDE while it uses no translation. A DSB
 * after broadcast maintenance waits until the words of all others have the new epoch or OUTSIDE, or until the run has ended: a dead
 * thread never updates its word.
 */
import { EXIT_STOP } from './block';
import { nameEnd, pairLock, runHasEnded, setExit } from './context';
import { flushTlb } from './memory';
import { buffering } from './store-buffer';

/** Bytes between the words of two vCPUs: a cache line of the host. */
const STRIDE: usize = 64;
/** A vCPU between two runs, in an import, or in a DSB that waits. Any other value is an epoch, shifted, with bit 0 set. */
const OUTSIDE: u32 = 0;
/** Polls of a vCPU's word before the thread sleeps: about as long as a slice. */
const LOOKS: i32 = 1_000;
/** How long the thread sleeps between two checks whether the run has ended, ns: the end of the run wakes no thread here. */
const NAP: i64 = 10_000_000;

/** The first vCPU's word, and this vCPU's; 0: vCPUs run in turns, and no DSB waits. */
let words: usize = 0;
let own: usize = 0;
let vcpus: i32 = 0;

let seen: u32 = 0;
/** The epoch of the newest maintenance here that no DSB has completed. */
let wanted: u32 = 0;
let incomplete: boolean = false;

/** Sets the vCPUs' words, the index of this vCPU's, and the word that ends every wait. Call before the first run. */
export function runBeside(at: usize, index: i32, count: i32, end: usize): void {
  nameEnd(end);
  words = at;
  own = at + (index as usize) * STRIDE;
  vcpus = count;
}

/** How many vCPUs sleep in a DSB. @inline */
function sleepers(): usize {
  return pairLock + 8;
}

function say(value: u32): void {
  atomic.store<u32>(own, value);
  if (atomic.load<u32>(sleepers()) !== 0) atomic.notify(own, -1);
}

/** Call before translations are used: at the start of a run, and after an import. */
export function enter(): void {
  if (own === 0) return;
  do {
    heedFlushes();
    say((seen << 1) | 1);
    // Stores this vCPU's epoch first, then compares: maintenance after the store waits for this vCPU.
  } while (atomic.load<u32>(pairLock + 4) !== seen);
}

/** Declares that this vCPU uses no translation until {@link enter}. */
export function leave(): void {
  if (own !== 0) say(OUTSIDE);
}

/** Flushes this vCPU's TLB, and makes all others flush. */
export function flushAll(): void {
  const before = atomic.add<u32>(pairLock + 4, 1);
  wanted = before + 1;
  incomplete = true;
  if (before === seen) {
    seen = wanted;
    if (own !== 0) say((seen << 1) | 1);
  }
  flushTlb();
  // The DSB completes the others' stores through old translations, so the run stops here and the schedule drains those stores.
  if (buffering) setExit(EXIT_STOP);
}

/** Flushes if another vCPU has incremented the epoch. @inline */
export function heedFlushes(): void {
  const epoch = atomic.load<u32>(pairLock + 4);
  if (epoch !== seen) heed(epoch);
}

function heed(epoch: u32): void {
  seen = epoch;
  flushTlb();
  if (own !== 0) say((seen << 1) | 1);
}

/**
 * A DSB: waits until no other vCPU uses a translation from before this vCPU's last broadcast maintenance. If the run ends first, this
 * vCPU's run ends after the DSB. @inline
 */
export function completeFlushes(): void {
  if (incomplete) waitForAll();
}

function waitForAll(): void {
  incomplete = false;
  if (own === 0) return;
  // OUTSIDE during the wait, because two vCPUs may wait for each other.
  leave();
  for (let vcpu = 0; vcpu < vcpus; vcpu++) waitFor(words + (vcpu as usize) * STRIDE);
  enter();
}

function waitFor(at: usize): void {
  for (let look = 0; look < LOOKS; look++) if (hasHeeded(atomic.load<u32>(at))) return;
  atomic.add<u32>(sleepers(), 1);
  while (true) {
    const word = atomic.load<u32>(at);
    if (hasHeeded(word)) break;
    if (runHasEnded()) {
      setExit(EXIT_STOP);
      break;
    }
    atomic.wait<i32>(at, word as i32, NAP);
  }
  atomic.sub<u32>(sleepers(), 1);
}

/** Compares epochs by their distance, because they wrap. */
function hasHeeded(word: u32): boolean {
  return word === OUTSIDE || (((word & ~1) - (wanted << 1)) as i32) >= 0;
}
