/**
 * The store buffer of a vCPU (weak memory): stores wait here, in program order, until the schedule, a barrier, a release
 * store or an exclusive drains them. The vCPU itself reads its newest store first.
 */
import { STORE_ENTRIES, STORE_SLOTS, STORES } from './block';
import { block } from './context';

/** Whether the store buffer is on. The TLB then stays empty, so that every access checks the buffer. */
export let buffering: boolean = false;
export function setBuffering(on: boolean): void {
  buffering = on;
}

/** An entry of 16 bytes: address in this memory at 0, bytes at 4, value at 8. An entry of 0 bytes is a barrier. */
const ENTRY: usize = 16;

/** @inline */
function entry(index: u32): usize {
  return block + STORE_ENTRIES + (index as usize) * ENTRY;
}

/** Stores that wait. */
export function waiting(): u32 {
  return load<u32>(block, STORES);
}

/**
 * Makes store `index` visible to the other vCPUs, and closes the gap. It may leave before older ones, unless their bytes
 * overlap or a barrier is between them.
 */
export function drainOne(index: u32): boolean {
  const count = waiting();
  if (index >= count) return false;
  const at = load<u32>(entry(index));
  const bytes = load<u32>(entry(index), 4);
  // A barrier leaves when it is the oldest.
  if (bytes === 0 && index !== 0) return false;
  for (let older: u32 = 0; older < index; older++) {
    const otherAt = load<u32>(entry(older));
    if (load<u32>(entry(older), 4) === 0) return false;
    if (otherAt < at + bytes && at < otherAt + load<u32>(entry(older), 4)) return false;
  }
  const value = load<u64>(entry(index), 8);
  for (let i: u32 = 0; i < bytes; i++) store<u8>(at + i, (value >> ((i << 3) as u64)) as u8);
  memory.copy(entry(index), entry(index + 1), ((count - 1 - index) as usize) * ENTRY);
  store<u32>(block, count - 1, STORES);
  return true;
}

export function drain(): void {
  while (waiting() !== 0) drainOne(0);
}

/** Makes the stores before the last barrier visible. */
export function drainBarriers(): void {
  let left: u32 = 0;
  for (let index: u32 = 0; index < waiting(); index++) {
    if (load<u32>(entry(index), 4) === 0) left = index + 1;
  }
  while (left-- > 0) drainOne(0);
}

/** Keeps the stores that follow behind those that wait. */
export function bufferBarrier(): void {
  if (waiting() !== 0) bufferedWrite(0, 0, 0);
}

export function bufferedWrite(at: usize, bytes: i32, value: u64): void {
  if (waiting() === STORE_SLOTS) drainOne(0);
  const count = waiting();
  store<u32>(entry(count), at as u32);
  store<u32>(entry(count), bytes as u32, 4);
  store<u64>(entry(count), value, 8);
  store<u32>(block, count + 1, STORES);
}

export function bufferedRead(at: usize, bytes: i32): u64 {
  let value: u64 = 0;
  for (let i = 0; i < bytes; i++) value |= (byteAt((at as u32) + (i as u32)) as u64) << ((i << 3) as u64);
  return value;
}

function byteAt(at: u32): u32 {
  for (let index = waiting(); index-- > 0; ) {
    const from = load<u32>(entry(index));
    if (at >= from && at < from + load<u32>(entry(index), 4)) {
      return ((load<u64>(entry(index), 8) >> (((at - from) << 3) as u64)) & 0xff) as u32;
    }
  }
  return load<u8>(at);
}
