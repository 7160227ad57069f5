/**
 * Self-hosted debug: two breakpoints, two watchpoints, software step. While any is enabled, the core runs single instructions and checks
 * each access; otherwise they cost nothing.
 * @see Arm ARM DDI 0487, D2 "AArch64 Self-hosted Debug"
 */
import { DBG_REGISTERS, EXCEPTIONS, MDSCR_EL1, OSLAR_EL1, PSTATE } from './block';
import { block, currentEl, pstate } from './context';
import { EC_BREAKPOINT, EC_SOFTWARE_STEP, fromLevel, PSTATE_SS, synchronous } from './exceptions';

const MDSCR_SS: u64 = 1;
const MDSCR_KDE: u64 = 1 << 13;
const MDSCR_MDE: u64 = 1 << 15;
const PSTATE_D: u32 = 1 << 9;
/** DFSC of a debug exception. */
export const DEBUG_EVENT: u32 = 0x22;
/** ISS of a software step: an instruction was stepped. */
const ISV: u32 = 1 << 24;

/** The number of breakpoints, and of watchpoints, as in ID_AA64DFR0_EL1. */
const COUNT: i32 = 2;
const VALUE_BITS: u64 = 0x0001_ffff_ffff_fffc;
const BREAKPOINT_BITS: u64 = 0x00ff_e1e7;
const WATCHPOINT_BITS: u64 = 0x1fff_ffff;
/** Kinds of registers by op2: 4 DBGBVR, 5 DBGBCR, 6 DBGWVR, 7 DBGWCR. */
const BVR: i32 = 4;
const BCR: i32 = 5;
const WVR: i32 = 6;
const WCR: i32 = 7;

/** `stepping`: the core must run single instructions. `watching`: it must check each access. */
export let stepping: boolean = false;
export let watching: boolean = false;
/** Whether the current instruction is a software step: the step exception is due after it. */
let isStep: boolean = false;
/** Whether an instruction was stepped since the last step exception. */
let stepped: boolean = false;

function at(kind: i32, n: i32): usize {
  return block + DBG_REGISTERS + ((((kind & 3) << 1) + n) as usize) * 8;
}

function register(kind: i32, n: i32): u64 {
  return load<u64>(at(kind, n));
}

/** A debug register by the CRm and op2 of its encoding; numbers from {@link COUNT} on read as zero. */
export function debugRegister(encoding: i32): u64 {
  const n = (encoding >> 3) & 15;
  return n < COUNT ? register(encoding & 7, n) : 0;
}

/** @returns whether `watching` has changed, so that the caller must flush the TLB */
export function setDebugRegister(encoding: i32, value: u64): boolean {
  const n = (encoding >> 3) & 15;
  if (n >= COUNT) return false;
  const kind = encoding & 7;
  let bits = VALUE_BITS;
  if (kind === BCR) bits = BREAKPOINT_BITS;
  else if (kind === WCR) bits = WATCHPOINT_BITS;
  store<u64>(at(kind, n), value & bits);
  return judgeDebug();
}

/** Call after a debug register may have changed. @returns as {@link setDebugRegister} */
export function judgeDebug(): boolean {
  const control = load<u64>(block, MDSCR_EL1);
  const watched = watching;
  stepping = false;
  watching = false;
  if ((control & (MDSCR_SS | MDSCR_MDE)) === 0) return watched;
  stepping = (control & MDSCR_SS) !== 0;
  if ((control & MDSCR_MDE) !== 0) {
    for (let n = 0; n < COUNT; n++) {
      if ((register(BCR, n) & 1) !== 0) stepping = true;
      if ((register(WCR, n) & 1) !== 0) watching = true;
    }
  }
  return watched !== watching;
}

/** Whether debug exceptions are enabled. @param state - level and mask in PSTATE's format */
function enabledAt(state: u32): boolean {
  if ((load<u64>(block, OSLAR_EL1) & 1) !== 0) return false;
  if ((state & 0xc) === 0) return true;
  return (load<u64>(block, MDSCR_EL1) & MDSCR_KDE) !== 0 && (state & PSTATE_D) === 0;
}

/** Whether a control's PMC or PAC (bits 2:1) names the level: bit 0 EL1, bit 1 EL0. */
function namesLevel(control: u64, el: u32): boolean {
  return ((control >> (el === 0 ? 2 : 1)) & 1) !== 0;
}

/** Call before an instruction. Returns the pc, or the vector of the debug exception taken instead. */
export function debugFetch(pc: u64): u64 {
  const state = pstate();
  isStep = false;
  if (!enabledAt(state)) return pc;
  const control = load<u64>(block, MDSCR_EL1);
  if ((control & MDSCR_SS) !== 0 && (state & PSTATE_SS) === 0) {
    const iss = DEBUG_EVENT | (stepped ? ISV : 0);
    stepped = false;
    return synchronous(fromLevel(EC_SOFTWARE_STEP), iss, pc);
  }
  isStep = (control & MDSCR_SS) !== 0;
  if ((control & MDSCR_MDE) === 0) return pc;
  for (let n = 0; n < COUNT; n++) {
    const breakpoint = register(BCR, n);
    // Requires E, a nonzero BAS, and BT 0: unlinked address match.
    if ((breakpoint & 1) === 0 || (breakpoint & 0x1e0) === 0 || ((breakpoint >> 20) & 15) !== 0) continue;
    if (!namesLevel(breakpoint, currentEl())) continue;
    if (((pc ^ register(BVR, n)) & VALUE_BITS) === 0)
      return synchronous(fromLevel(EC_BREAKPOINT), DEBUG_EVENT, pc);
  }
  return pc;
}

/** Call after an instruction: completes a step unless it took an exception. @param exceptions - count before the instruction */
export function debugStepped(exceptions: u64): void {
  if (!isStep || load<u64>(block, EXCEPTIONS) !== exceptions) return;
  store<u32>(block, pstate() & ~PSTATE_SS, PSTATE);
  stepped = true;
}

/** PSTATE.SS after an ERET: set if the debugger, itself not stepped, returns to stepped code. */
export function stepAfterReturn(before: u32, spsr: u32): u32 {
  if ((load<u64>(block, MDSCR_EL1) & MDSCR_SS) === 0) return 0;
  return !enabledAt(before) && enabledAt(spsr) ? spsr & PSTATE_SS : 0;
}

/** Whether an access hits a watchpoint. @param el - the level whose permissions the access uses */
export function hitsWatchpoint(va: u64, bytes: i32, writes: boolean, el: u32): boolean {
  if (!enabledAt(pstate())) return false;
  for (let n = 0; n < COUNT; n++) {
    const control = register(WCR, n);
    if ((control & 1) === 0 || !namesLevel(control, el)) continue;
    // LSC: bit 3 loads, bit 4 stores.
    if (((control >> (writes ? 4 : 3)) & 1) === 0) continue;
    if (touches(va, bytes, register(WVR, n), control)) return true;
  }
  return false;
}

/** Whether an access touches the bytes that a watchpoint's value and control name. */
function touches(va: u64, bytes: i32, value: u64, control: u64): boolean {
  const mask = (control >> 24) & 31;
  let first = value;
  let length: u64 = (1 as u64) << mask;
  if (mask === 0) {
    // BAS names bytes of a doubleword, or of a word where bit 2 of the address is set.
    let select = (control >> 5) & ((value & 4) !== 0 ? 0xf : 0xff);
    if (select === 0) return false;
    first += ctz<u64>(select);
    select >>= ctz<u64>(select);
    length = ctz<u64>(~select);
  } else first &= ~(length - 1);
  const start = va & 0x0001_ffff_ffff_ffff;
  return start < first + length && first < start + (bytes as u64);
}
