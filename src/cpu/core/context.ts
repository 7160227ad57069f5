/**
 * Globals of an instance of the interpreter: addresses, and the state that every instruction may use. `run` loads that state
 * from the vCPU's block and stores it back.
 */
import { INSTRUCTIONS, PSTATE } from './block';

/** Byte address of the vCPU's block. */
export let block: usize = 0;
/** Guest RAM: guest-physical base, bytes, and the distance from a physical address to an address in this memory. */
export let ramBase: u64 = 0;
export let ramSize: u64 = 0;
export let ramDelta: usize = 0;

/** Lock that all vCPUs share, for 128-bit atomics, which WebAssembly lacks. */
export let pairLock: usize = 0;

/** Address of a word that is nonzero once the run of all vCPUs has ended; 0: no such word. */
let endAt: usize = 0;
export function nameEnd(at: usize): void {
  endAt = at;
}

/** Whether the run has ended, so that a wait for another vCPU's thread must end. */
export function runHasEnded(): boolean {
  return endAt !== 0 && atomic.load<u32>(endAt) !== 0;
}

/** Address of a byte for each page of RAM, set when the page becomes writable in the TLB; 0: not recorded. */
export let dirtyPages: usize = 0;

/** Watched memory: see `watch.ts`; 0: none. */
export let watch: usize = 0;

export function place(
  at: usize,
  lock: usize,
  dirty: usize,
  watched: usize,
  ramAt: usize,
  base: u64,
  size: u64,
): void {
  block = at;
  pairLock = lock;
  dirtyPages = dirty;
  watch = watched;
  ramBase = base;
  ramSize = size;
  ramDelta = ramAt - (base as usize);
}

/** NZCV as four bits: N 8, Z 4, C 2, V 1. */
export let nzcv: i32 = 0;
export function setNzcv(value: i32): void {
  nzcv = value;
}

/** Page of the current instruction; 1: unknown. A misaligned address matches no page. */
export let codePage: u64 = 1;
/** Distance from a virtual address in that page to an address in this memory. */
export let codeDelta: usize = 0;
export function setCode(page: u64, delta: usize): void {
  codePage = page;
  codeDelta = delta;
}

/** Instructions left to run after the current slice, and in total with it when an import is called. */
export let left: i32 = 0;
export let runEnd: u64 = 0;
export function setLeft(value: i32): void {
  left = value;
}
export function setRunEnd(value: u64): void {
  runEnd = value;
}

/** Stores the instruction count, for imports that read the time. */
export function syncInstructions(slice: i32): void {
  store<u64>(block, runEnd - ((left + slice) as u64), INSTRUCTIONS);
}

/**
 * Nonzero after an operation that may have asserted the interrupt line, or that ends the run. speed: the loop checks this word only when
 * the pc leaves the code page, so `setAttention` also invalidates the code page (bench arm64).
 */
export let attention: i32 = 0;
export function setAttention(value: i32): void {
  attention = value;
  if (value !== 0) codePage = 1;
}

/** Why the run ends; -1 while it continues. */
export let exitReason: i32 = -1;
export function setExit(reason: i32): void {
  exitReason = reason;
  if (reason >= 0) setAttention(1);
}

/** @inline */
export function pstate(): u32 {
  return load<u32>(block, PSTATE);
}

/** @inline */
export function currentEl(): u32 {
  return (load<u32>(block, PSTATE) >> 2) & 3;
}

/** Whole PSTATE in SPSR's format. */
export function pstateWithFlags(): u64 {
  return (pstate() as u64) | ((nzcv as u64) << 28);
}

/**
 * Tag of valid TLB entries, in the low 12 bits: a generation, and whether the access is unprivileged. A new generation flushes the TLB.
 */
export let generation: u64 = 1;
export let tagEl0: u64 = 3;
export let tagNow: u64 = 2;
export function setGeneration(value: u64): void {
  generation = value;
  tagEl0 = (value << 1) | 1;
  retag();
}
export function retag(): void {
  tagNow = (generation << 1) | (currentEl() === 0 ? 1 : 0);
  codePage = 1;
}

/** Register of a slot. @inline */
export function getX(slot: u32): u64 {
  return load<u64>(block + (slot << 3));
}

/** @inline */
export function setX(slot: u32, value: u64): void {
  store<u64>(block + (slot << 3), value);
}
