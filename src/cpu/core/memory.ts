/**
 * Memory accesses. The fast path finds the page in a software TLB. A miss translates, then fills the TLB for a page of RAM or calls the
 * bus for any other page. A failed access sets `faulted`; its value is undefined.
 */
import { REFUSED, SCTLR_EL1, TLB_ENTRIES, TLB_FETCH, TLB_READ, TLB_WRITE } from './block';
import {
  block,
  codeDelta,
  currentEl,
  dirtyPages,
  generation,
  ramBase,
  ramDelta,
  ramSize,
  setAttention,
  setCode,
  setGeneration,
  syncInstructions,
  tagEl0,
  tagNow,
} from './context';
import { DEBUG_EVENT, hitsWatchpoint, watching } from './debug';
import {
  dataFault,
  EC_FETCH_ABORT,
  EC_ILLEGAL_STATE,
  EC_PC_ALIGNMENT,
  faulted,
  fromLevel,
  illegalState,
  setFar,
  stackFault,
  synchronous,
  watchpointFault,
} from './exceptions';
import { busRead, busWrite } from './outside';
import { bufferedRead, bufferedWrite, buffering, drainBarriers } from './store-buffer';
import { ALIGNMENT, EXTERNAL, FETCH, fault, NO_FAULT, READ, translate, UPDATE, WRITE } from './translate';
import { isWatched, noteAccess } from './watch';

const PAGE: u64 = 0xffff_ffff_ffff_f000;
const WNR: u32 = 1 << 6;
/** An address in no page: accesses based on a misaligned SP use it, miss the TLB, and find `faulted` set. */
export const NOWHERE: u64 = 0x0080_0000_0000_0000;
const SP_SLOT: u32 = 33;
const NO_RAM: usize = 0;

/** Flushes the TLB by a new generation of tags; clears the arrays when all generations are used. */
export function flushTlb(): void {
  let next = generation + 1;
  if (next === 0x800) {
    next = 1;
    memory.fill(block + TLB_READ, 0, TLB_ENTRIES * 16 * 3);
  }
  setGeneration(next);
}

/** Flushes the write TLB, so that the next write to each page sets its dirty byte again. */
export function protectPages(): void {
  memory.fill(block + TLB_WRITE, 0, TLB_ENTRIES * 16);
}

/** @inline */
function entryOf(table: usize, va: u64): usize {
  return block + table + (((va >> 12) as usize) & (TLB_ENTRIES - 1)) * 16;
}

/** Base register of an access. A misaligned SP faults if SCTLR_EL1.SA or SA0 is set. @inline */
export function baseOf(slot: u32): u64 {
  const value = load<u64>(block + (slot << 3));
  if (slot === SP_SLOT && (value & 15) !== 0) return misalignedSp(value);
  return value;
}

function misalignedSp(value: u64): u64 {
  const bit: u64 = tagNow === tagEl0 ? 4 : 3;
  if (((load<u64>(block, SCTLR_EL1) >> bit) & 1) === 0) return value;
  stackFault();
  return NOWHERE;
}

/** SCTLR_EL1.A */
function alignmentChecked(): boolean {
  return (load<u64>(block, SCTLR_EL1) & 2) !== 0;
}

/**
 * The address in this memory of an access within a page; NO_RAM if the access faulted, or `physical` is outside RAM.
 */
let physical: u64 = 0;
function resolve(va: u64, bytes: i32, access: i32, unprivileged: boolean): usize {
  if (alignmentChecked() && (va & ((bytes - 1) as u64)) !== 0) {
    dataFault(va, ALIGNMENT | (access === WRITE ? WNR : 0));
    return NO_RAM;
  }
  const pa = translate(va, access, unprivileged);
  if (fault !== NO_FAULT) {
    dataFault(va, fault | (access === WRITE ? WNR : 0));
    return NO_RAM;
  }
  if (watching && hitsWatchpoint(va, bytes, access === WRITE, unprivileged ? 0 : currentEl())) {
    watchpointFault(va, DEBUG_EVENT | (access === WRITE ? WNR : 0));
    return NO_RAM;
  }
  physical = pa;
  const offset = pa - ramBase;
  if (offset >= ramSize) return NO_RAM;
  const host = (pa as usize) + ramDelta;
  if (access === WRITE && dirtyPages !== 0) store<u8>(dirtyPages + ((offset >> 12) as usize), 1);
  const watched = isWatched(offset);
  if (watched) noteAccess(offset, access === WRITE);
  // SCTLR_EL1.A, store buffers, watched memory and watchpoints need a check of every access: no TLB entry then.
  if (!alignmentChecked() && !buffering && !watched && !watching) {
    const entry = entryOf(access === WRITE ? TLB_WRITE : TLB_READ, va);
    store<u64>(entry, (va & PAGE) | (unprivileged ? tagEl0 : tagNow));
    store<u32>(entry, (host as u32) - (va as u32), 8);
  }
  return host;
}

/** @inline */
function crosses(va: u64, bytes: i32): boolean {
  return (va & 0xfff) + (bytes as u64) > 0x1000;
}

function plainRead(at: usize, bytes: i32): u64 {
  if (bytes === 8) return load<u64>(at);
  if (bytes === 4) return load<u32>(at);
  if (bytes === 2) return load<u16>(at);
  return load<u8>(at);
}

function plainWrite(at: usize, bytes: i32, value: u64): void {
  if (bytes === 8) store<u64>(at, value);
  else if (bytes === 4) store<u32>(at, value as u32);
  else if (bytes === 2) store<u16>(at, value as u16);
  else store<u8>(at, value as u8);
}

function missRead(va: u64, bytes: i32, unprivileged: boolean, slice: i32): u64 {
  if (faulted !== 0) return 0;
  if (crosses(va, bytes)) {
    if (alignmentChecked()) {
      dataFault(va, ALIGNMENT);
      return 0;
    }
    let value: u64 = 0;
    for (let i = 0; i < bytes; i++) {
      value |= missRead(va + (i as u64), 1, unprivileged, slice) << ((i << 3) as u64);
      if (faulted !== 0) return 0;
    }
    return value;
  }
  const at = resolve(va, bytes, READ, unprivileged);
  if (at !== NO_RAM) return buffering ? bufferedRead(at, bytes) : plainRead(at, bytes);
  if (faulted !== 0) return 0;
  syncInstructions(slice);
  const value = busRead(physical, bytes);
  setAttention(1);
  if (load<u32>(block, REFUSED) !== 0) {
    store<u32>(block, 0, REFUSED);
    dataFault(va, EXTERNAL);
  }
  return value;
}

function missWrite(va: u64, bytes: i32, value: u64, unprivileged: boolean, slice: i32): boolean {
  if (faulted !== 0) return false;
  if (crosses(va, bytes)) {
    if (alignmentChecked()) {
      dataFault(va, ALIGNMENT | WNR);
      return false;
    }
    // Both pages must be writable before a byte changes.
    const last = va + (bytes as u64) - 1;
    resolve(va, 1, WRITE, unprivileged);
    if (faulted === 0) resolve(last & PAGE, 1, WRITE, unprivileged);
    for (let i = 0; i < bytes && faulted === 0; i++) {
      missWrite(va + (i as u64), 1, value >> ((i << 3) as u64), unprivileged, slice);
    }
    return faulted === 0;
  }
  const at = resolve(va, bytes, WRITE, unprivileged);
  if (at !== NO_RAM) {
    if (buffering) bufferedWrite(at, bytes, value);
    else plainWrite(at, bytes, value);
    return true;
  }
  if (faulted !== 0) return false;
  // A device write takes effect at once, so earlier stores that a barrier orders before it must leave first.
  if (buffering) drainBarriers();
  syncInstructions(slice);
  busWrite(physical, bytes, value);
  setAttention(1);
  if (load<u32>(block, REFUSED) !== 0) {
    store<u32>(block, 0, REFUSED);
    dataFault(va, EXTERNAL | WNR);
    return false;
  }
  return true;
}

/** @inline */
function hit(table: usize, va: u64, bytes: u64, tag: u64): usize {
  const entry = entryOf(table, va);
  // Compares the page of the last byte, so that an access across pages misses.
  if (load<u64>(entry) !== (((va + (bytes - 1)) & PAGE) | tag)) return NO_RAM;
  return (va as usize) + load<u32>(entry, 8);
}

/** @inline */
export function read64(va: u64, slice: i32): u64 {
  const at = hit(TLB_READ, va, 8, tagNow);
  return at !== NO_RAM ? load<u64>(at) : missRead(va, 8, tagNow === tagEl0, slice);
}
/** @inline */
export function read32(va: u64, slice: i32): u64 {
  const at = hit(TLB_READ, va, 4, tagNow);
  return at !== NO_RAM ? (load<u32>(at) as u64) : missRead(va, 4, tagNow === tagEl0, slice);
}
/** @inline */
export function read16(va: u64, slice: i32): u64 {
  const at = hit(TLB_READ, va, 2, tagNow);
  return at !== NO_RAM ? (load<u16>(at) as u64) : missRead(va, 2, tagNow === tagEl0, slice);
}
/** @inline */
export function read8(va: u64, slice: i32): u64 {
  const at = hit(TLB_READ, va, 1, tagNow);
  return at !== NO_RAM ? (load<u8>(at) as u64) : missRead(va, 1, tagNow === tagEl0, slice);
}
/** @inline */
export function write64(va: u64, value: u64, slice: i32): boolean {
  const at = hit(TLB_WRITE, va, 8, tagNow);
  if (at === NO_RAM) return missWrite(va, 8, value, tagNow === tagEl0, slice);
  store<u64>(at, value);
  return true;
}
/** @inline */
export function write32(va: u64, value: u64, slice: i32): boolean {
  const at = hit(TLB_WRITE, va, 4, tagNow);
  if (at === NO_RAM) return missWrite(va, 4, value, tagNow === tagEl0, slice);
  store<u32>(at, value as u32);
  return true;
}
/** @inline */
export function write16(va: u64, value: u64, slice: i32): boolean {
  const at = hit(TLB_WRITE, va, 2, tagNow);
  if (at === NO_RAM) return missWrite(va, 2, value, tagNow === tagEl0, slice);
  store<u16>(at, value as u16);
  return true;
}
/** @inline */
export function write8(va: u64, value: u64, slice: i32): boolean {
  const at = hit(TLB_WRITE, va, 1, tagNow);
  if (at === NO_RAM) return missWrite(va, 1, value, tagNow === tagEl0, slice);
  store<u8>(at, value as u8);
  return true;
}

/** Reads any size, with the permissions of the current level or of EL0 (LDTR, STTR). */
export function readSized(va: u64, bytes: i32, unprivileged: boolean, slice: i32): u64 {
  const at = hit(TLB_READ, va, bytes as u64, unprivileged ? tagEl0 : tagNow);
  if (at !== NO_RAM) return plainRead(at, bytes);
  return missRead(va, bytes, unprivileged || tagNow === tagEl0, slice);
}
export function writeSized(va: u64, bytes: i32, value: u64, unprivileged: boolean, slice: i32): boolean {
  const at = hit(TLB_WRITE, va, bytes as u64, unprivileged ? tagEl0 : tagNow);
  if (at === NO_RAM) return missWrite(va, bytes, value, unprivileged || tagNow === tagEl0, slice);
  plainWrite(at, bytes, value);
  return true;
}

/** Whether a store of two registers can complete; otherwise faults before the first byte changes. @inline */
export function pairWritable(va: u64, bytes: i32): boolean {
  if (hit(TLB_WRITE, va, (bytes << 1) as u64, tagNow) !== NO_RAM) return true;
  return probePair(va, bytes);
}

function probePair(va: u64, bytes: i32): boolean {
  // SCTLR_EL1.A checks the alignment of each register.
  if (faulted !== 0) return false;
  resolve(va, bytes, WRITE, tagNow === tagEl0);
  return faulted === 0 && probeWrite(va, bytes << 1);
}

/** Whether all pages of a range, two at most, are writable; otherwise faults. */
export function probeWrite(va: u64, bytes: i32): boolean {
  if (faulted !== 0) return false;
  const last = va + (bytes as u64) - 1;
  if (hit(TLB_WRITE, va, 1, tagNow) === NO_RAM) resolve(va, 1, WRITE, tagNow === tagEl0);
  if (faulted === 0 && ((va ^ last) & PAGE) !== 0 && hit(TLB_WRITE, last, 1, tagNow) === NO_RAM) {
    resolve(last & PAGE, 1, WRITE, tagNow === tagEl0);
  }
  return faulted === 0;
}

/**
 * The address in this memory of an atomic access. A misaligned access faults, and an access outside RAM is an external abort: 0 then.
 */
export function atomicAddress(va: u64, bytes: i32, access: i32): usize {
  if (faulted !== 0) return NO_RAM;
  const wnr = access === WRITE ? WNR : 0;
  if ((va & ((bytes - 1) as u64)) !== 0) {
    dataFault(va, ALIGNMENT | wnr);
    return NO_RAM;
  }
  let at = hit(access === READ ? TLB_READ : TLB_WRITE, va, bytes as u64, tagNow);
  if (at !== NO_RAM) return at;
  const unprivileged = tagNow === tagEl0;
  if (access === UPDATE) {
    at = resolve(va, bytes, READ, unprivileged);
    if (at !== NO_RAM) at = resolve(va, bytes, WRITE, unprivileged);
  } else at = resolve(va, bytes, access, unprivileged);
  if (at === NO_RAM && faulted === 0) dataFault(va, EXTERNAL | wnr);
  return at;
}

/** Whether an access of a SIMD&FP register is aligned as SCTLR_EL1.A requires, to its whole width; otherwise faults. */
export function aligned(va: u64, bytes: i32, access: i32): boolean {
  if (faulted !== 0) return false;
  if ((va & ((bytes - 1) as u64)) === 0 || !alignmentChecked()) return true;
  dataFault(va, ALIGNMENT | (access === WRITE ? WNR : 0));
  return false;
}

/** Makes the page of the pc the code page. Returns the pc, or the vector of an exception of the fetch. */
export function fetchPage(pc: u64): u64 {
  if (illegalState()) return synchronous(EC_ILLEGAL_STATE, 0, pc);
  if ((pc & 3) !== 0) {
    setFar(pc);
    return synchronous(EC_PC_ALIGNMENT, 0, pc);
  }
  const entry = entryOf(TLB_FETCH, pc);
  if (load<u64>(entry) === ((pc & PAGE) | tagNow)) {
    setCode(pc & PAGE, load<u32>(entry, 8));
    return pc;
  }
  const pa = translate(pc, FETCH, tagNow === tagEl0);
  const inRam = pa - ramBase < ramSize;
  if (fault !== NO_FAULT || !inRam) {
    setFar(pc);
    return synchronous(fromLevel(EC_FETCH_ABORT), fault !== NO_FAULT ? fault : EXTERNAL, pc);
  }
  setCode(pc & PAGE, (pa as usize) + ramDelta - (pc as usize));
  store<u64>(entry, (pc & PAGE) | tagNow);
  store<u32>(entry, codeDelta as u32, 8);
  return pc;
}

export function isRam(pa: u64): boolean {
  return pa - ramBase < ramSize;
}
