/**
 * TLB maintenance of the inner shareable domain: it moves an epoch that all vCPUs share, in the word behind their lock. A
 * vCPU that finds the epoch moved forgets its translations: when a run begins, in front of every slice, and behind an import.
 *
 * Where threads run vCPUs side by side, each vCPU has a word that says which epoch it has heeded, or that it uses no
 * translation now. A DSB behind broadcast maintenance waits until the words of all others say one or the other, or until
 * the run has ended: a thread that has died says nothing any more.
 */
import { EXIT_STOP } from './block';
import { nameEnd, pairLock, runHasEnded, setExit } from './context';
import { flushTlb } from './memory';
import { buffering } from './store-buffer';

/** Bytes between the words of two vCPUs: a line of the host's cache. */
const STRIDE: usize = 64;
/** A vCPU between two runs, in an import, or in a DSB that waits. Any other value is an epoch, shifted, with bit 0 set. */
const OUTSIDE: u32 = 0;
/** Looks at a vCPU's word before the thread sleeps: a slice takes about as long. */
const LOOKS: i32 = 1_000;
/** How long the thread sleeps between two looks at whether the run has ended, ns: nobody rings for that. */
const NAP: i64 = 10_000_000;

/** The first vCPU's word, and this vCPU's; 0: vCPUs run in turns, and no DSB waits. */
let words: usize = 0;
let own: usize = 0;
let vcpus: i32 = 0;

let seen: u32 = 0;
/** The epoch of the newest maintenance here that no DSB has completed. */
let wanted: u32 = 0;
let incomplete: boolean = false;

/** Names the words, one for each vCPU, which of them is this one's, and the word that ends every wait. Before the first run. */
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

/** In front of translations that are used: a run begins, or an import has come back. */
export function enter(): void {
  if (own === 0) return;
  do {
    heedFlushes();
    say((seen << 1) | 1);
    // Said first: maintenance from here on finds this vCPU inside.
  } while (atomic.load<u32>(pairLock + 4) !== seen);
}

/** No translation is used until {@link enter}. */
export function leave(): void {
  if (own !== 0) say(OUTSIDE);
}

/** Flushes here, and makes all others flush. */
export function flushAll(): void {
  const before = atomic.add<u32>(pairLock + 4, 1);
  wanted = before + 1;
  incomplete = true;
  if (before === seen) {
    seen = wanted;
    if (own !== 0) say((seen << 1) | 1);
  }
  flushTlb();
  // Stores that others made by the old translations are over when the DSB is: the schedule drains them first.
  if (buffering) setExit(EXIT_STOP);
}

/** Flushes where another vCPU has asked for it. @inline */
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
 * A DSB: waits until no other vCPU uses a translation from before this vCPU's last broadcast maintenance. Where the run
 * ends first, this vCPU's ends behind the DSB. @inline
 */
export function completeFlushes(): void {
  if (incomplete) waitForAll();
}

function waitForAll(): void {
  incomplete = false;
  if (own === 0) return;
  // Outside meanwhile: two vCPUs may wait for each other.
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

/** Epochs are compared by their distance: they wrap. */
function hasHeeded(word: u32): boolean {
  return word === OUTSIDE || (((word & ~1) - (wanted << 1)) as i32) >= 0;
}
