/**
 * What an instance of the interpreter keeps in globals: where things lie, and the parts of the state that every
 * instruction may touch. `run` loads the latter from the vCPU's block and stores them back.
 */
import { INSTRUCTIONS, PSTATE } from './block';

/** Byte address of the vCPU's block. */
export let block: usize = 0;
/** Guest RAM: guest-physical base and bytes, and what to add to a physical address to get an address of ours. */
export let ramBase: u64 = 0;
export let ramSize: u64 = 0;
export let ramDelta: usize = 0;

/** Word that all vCPUs share, for atomics that WebAssembly has not. */
export let pairLock: usize = 0;

/** Word that is not zero once the run of all vCPUs has ended; 0: there is none. */
let endAt: usize = 0;
export function nameEnd(at: usize): void {
  endAt = at;
}

/** Whether a wait for another vCPU's thread is to be given up. */
export function runHasEnded(): boolean {
  return endAt !== 0 && atomic.load<u32>(endAt) !== 0;
}

/** A byte for each page of RAM, set when the page is opened for writing; 0: there is none. */
export let dirtyPages: usize = 0;

/** Watched memory: see `watch.ts`; 0: there is none. */
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

/** Page of the instruction under execution, or 1: look it up. Misaligned addresses match no page. */
export let codePage: u64 = 1;
/** What to add to an address in that page. */
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
 * Non-zero after an operation that may have made an interrupt deliverable, or that ends the run. The loop looks at it
 * where the code page does not match, so asking for attention makes it match nothing.
 */
export let attention: i32 = 0;
export function setAttention(value: i32): void {
  attention = value;
  if (value !== 0) codePage = 1;
}

/** Why the run ends; -1 while it goes on. */
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
 * Tag of TLB entries that are valid now, in the low 12 bits: a generation, and whether the access is unprivileged.
 * A new generation is a flush.
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
