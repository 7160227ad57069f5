/**
 * The counter under virtual time, read without a call out of the core: a guest that waits by polling the counter reads little else.
 * Same words and rules as `GuestClock` (src/boot/guest-clock.ts), which explains them; stamps have the form of src/measure/stamp.ts.
 */
import { left, runEnd } from './context';

/** Words of a vCPU, 8 bytes each: the published time, and the base to which its instructions are added. */
const PUBLISHED: usize = 0;
const BASE: usize = 8;
const MOVING: u32 = 0xffff_ffff;

/** The first vCPU's words, this vCPU's, and the end of all. 0: the board keeps the time. */
let first: usize = 0;
let own: usize = 0;
let end: usize = 0;
let stride: usize = 0;

/** Sets the words of all vCPUs' time, and the index of this vCPU. Call before the first run. */
export function countTime(at: usize, step: usize, index: i32, count: i32): void {
  first = at;
  stride = step;
  own = at + (index as usize) * step;
  end = at + (count as usize) * step;
}

export function hasCounter(): boolean {
  return own !== 0;
}

/** Publishes this vCPU's time, and returns the latest of all, ticks. @param slice - instructions left in the slice */
export function readCounter(slice: i32): u64 {
  let latest = readStamp(own + BASE) + runEnd - ((left + slice) as u64);
  writeStamp(own + PUBLISHED, latest);
  for (let at = first; at < end; at += stride) {
    const other = readStamp(at + PUBLISHED);
    if (other > latest) latest = other;
  }
  return latest;
}

function readStamp(at: usize): u64 {
  while (true) {
    const high = atomic.load<u32>(at + 4);
    const low = atomic.load<u32>(at);
    if (high !== MOVING && atomic.load<u32>(at + 4) === high) return ((high as u64) << 32) | (low as u64);
  }
}

function writeStamp(at: usize, ticks: u64): void {
  const high = (ticks >> 32) as u32;
  if (atomic.load<u32>(at + 4) !== high) {
    atomic.store<u32>(at + 4, MOVING);
    atomic.store<u32>(at, ticks as u32);
    atomic.store<u32>(at + 4, high);
  } else atomic.store<u32>(at, ticks as u32);
}
