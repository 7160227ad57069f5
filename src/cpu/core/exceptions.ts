import {
  CPACR_EL1,
  ELR_EL1,
  ESR_EL1,
  EXCEPTIONS,
  EXCLUSIVE_AT,
  FAR_EL1,
  INTERRUPTS,
  PSTATE,
  SP,
  SP_EL0,
  SP_EL1,
  SPSR_EL1,
  TCR_EL1,
  VBAR_EL1,
} from './block';
import { block, currentEl, nzcv, pstate, pstateWithFlags, retag, setAttention, setNzcv } from './context';
import { stepAfterReturn } from './debug';

/** Exception classes, ESR_ELx.EC. */
export const EC_UNKNOWN: u32 = 0x00;
export const EC_WFX: u32 = 0x01;
export const EC_FP_ACCESS: u32 = 0x07;
export const EC_ILLEGAL_STATE: u32 = 0x0e;
export const EC_SVC: u32 = 0x15;
export const EC_SYSTEM_REGISTER: u32 = 0x18;
export const EC_FETCH_ABORT: u32 = 0x20;
export const EC_PC_ALIGNMENT: u32 = 0x22;
export const EC_DATA_ABORT: u32 = 0x24;
export const EC_SP_ALIGNMENT: u32 = 0x26;
export const EC_BREAKPOINT: u32 = 0x30;
export const EC_SOFTWARE_STEP: u32 = 0x32;
export const EC_WATCHPOINT: u32 = 0x34;
export const EC_BRK: u32 = 0x3c;

const IL: u32 = 1 << 25;
const PSTATE_SPSEL: u32 = 1;
const PSTATE_IL: u32 = 1 << 20;
export const PSTATE_SS: u32 = 1 << 21;
/** DAIF set, EL1 with SP_EL1. */
const ENTERED: u32 = 0x3c5;

/** Makes the SP of `el` and `spsel` current. */
export function switchSp(el: u32, spsel: u32): void {
  const now = pstate();
  const inUse: usize = (now & PSTATE_SPSEL) === 0 ? SP_EL0 : SP_EL1;
  store<u64>(block + inUse, load<u64>(block, SP));
  const wanted: usize = spsel === 0 || el === 0 ? SP_EL0 : SP_EL1;
  store<u64>(block, load<u64>(block + wanted), SP);
}

function enter(kind: u64, from: u64): u64 {
  const now = pstate();
  const source: u64 = (now & 0xc) === 0 ? 0x400 : (now & PSTATE_SPSEL) === 0 ? 0 : 0x200;
  store<u64>(block, from, ELR_EL1);
  store<u64>(block, pstateWithFlags(), SPSR_EL1);
  switchSp(1, 1);
  store<u32>(block, ENTERED, PSTATE);
  retag();
  return load<u64>(block, VBAR_EL1) + source + kind;
}

/** Takes a synchronous exception to EL1; returns its vector. @param from - the preferred return address */
export function synchronous(ec: u32, iss: u32, from: u64): u64 {
  store<u64>(block, ((ec << 26) | IL | iss) as u64, ESR_EL1);
  store<u64>(block, load<u64>(block, EXCEPTIONS) + 1, EXCEPTIONS);
  return enter(0, from);
}

export function undefined_(from: u64): u64 {
  return synchronous(EC_UNKNOWN, 0, from);
}

/** The class for the current level of a pair that differs in bit 0: from a lower level, from the same level. */
export function fromLevel(ec: u32): u32 {
  return currentEl() === 0 ? ec : ec + 1;
}

export function interrupt(from: u64): u64 {
  store<u64>(block, load<u64>(block, INTERRUPTS) + 1, INTERRUPTS);
  return enter(0x80, from);
}

export function setFar(address: u64): void {
  store<u64>(block, address, FAR_EL1);
}

/** The fault of a failed memory access, until `abort` takes the exception. */
export let faulted: i32 = 0;
let faultAddress: u64 = 0;
let faultIss: u32 = 0;
const DATA: i32 = 1;
const STACK: i32 = 2;
const WATCHPOINT: i32 = 3;

/** @param iss - DFSC in 5:0, WnR in bit 6, CM in bit 8, EA in bit 9 */
export function dataFault(address: u64, iss: u32): void {
  faulted = DATA;
  faultAddress = address;
  faultIss = iss;
}

export function watchpointFault(address: u64, iss: u32): void {
  faulted = WATCHPOINT;
  faultAddress = address;
  faultIss = iss;
}

export function stackFault(): void {
  faulted = STACK;
}

export function clearFault(): void {
  faulted = 0;
}

/** Takes the exception for the failed access of the instruction at `from`. */
export function abort(from: u64): u64 {
  const kind = faulted;
  faulted = 0;
  if (kind === STACK) return synchronous(EC_SP_ALIGNMENT, 0, from);
  setFar(faultAddress);
  return synchronous(fromLevel(kind === WATCHPOINT ? EC_WATCHPOINT : EC_DATA_ABORT), faultIss, from);
}

/** Whether FP and SIMD instructions trap at the current level. */
export function fpTraps(): boolean {
  const fpen = (load<u32>(block, CPACR_EL1) >> 20) & 3;
  return currentEl() === 0 ? fpen !== 3 : (fpen & 1) === 0;
}

export function fpTrap(from: u64): u64 {
  return synchronous(EC_FP_ACCESS, 0x1e << 20, from);
}

/** BranchAddr: removes an ignored top byte from a branch target. @inline */
export function branchAddress(target: u64): u64 {
  const canonical = (((target as i64) << 8) >> 8) as u64;
  return canonical === target ? target : untagged(target, canonical);
}

function untagged(target: u64, canonical: u64): u64 {
  const ignored: u64 = (canonical as i64) < 0 ? 38 : 37;
  return ((load<u64>(block, TCR_EL1) >> ignored) & 1) !== 0 ? canonical : target;
}

/** ERET: returns the address of the next instruction. An illegal return keeps the level and sets PSTATE.IL. */
export function exceptionReturn(): u64 {
  const spsr = load<u64>(block, SPSR_EL1) as u32;
  const target = branchAddress(load<u64>(block, ELR_EL1));
  const el = (spsr >> 2) & 3;
  const before = pstate();
  const illegal = (spsr & 0x12) !== 0 || el > 1 || (el === 0 && (spsr & 1) !== 0);
  store<u64>(block, ~(0 as u64), EXCLUSIVE_AT);
  setNzcv((spsr >> 28) as i32);
  if (illegal) {
    store<u32>(block, (pstate() & 0xd) | (spsr & 0x3c0) | PSTATE_IL, PSTATE);
  } else {
    switchSp(el, spsr & 1);
    store<u32>(block, (spsr & (0x3cd | PSTATE_IL)) | stepAfterReturn(before, spsr), PSTATE);
  }
  retag();
  setAttention(1);
  return target;
}

/** Whether PSTATE.IL makes every instruction illegal. */
export function illegalState(): boolean {
  return (pstate() & PSTATE_IL) !== 0;
}

export function flagsToPstate(): u32 {
  return (pstate() & 0x0fff_ffff) | ((nzcv as u32) << 28);
}
