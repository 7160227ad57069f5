/** System instructions, exception generation, hints and barriers. */
import {
  EXCLUSIVE_AT,
  EXIT_BREAK,
  EXIT_SEMIHOSTING,
  EXIT_WFE,
  EXIT_WFI,
  EXIT_YIELD,
  IRQ,
  OPTION_BREAKS,
  OPTION_SEMIHOSTING,
  OPTIONS,
  PSTATE,
  SCTLR_EL1,
  SPINS,
} from './block';
import { completeFlushes } from './broadcast';
import { block, currentEl, pstate, setAttention, setExit, syncInstructions } from './context';
import {
  EC_BRK,
  EC_SVC,
  EC_SYSTEM_REGISTER,
  EC_WFX,
  exceptionReturn,
  PSTATE_SS,
  switchSp,
  synchronous,
  undefined_,
} from './exceptions';
import { executeMaintenance } from './maintenance';
import { n64, set } from './operands';
import * as op from './ops';
import { hypercall } from './outside';
import { bit, i1, i2, word } from './record';
import { bufferBarrier, drain } from './store-buffer';
import { readRegister, writeRegister } from './system-registers';

const OPEN: u64 = ~(0 as u64);
const DAIF: u32 = 0x3c0;
const SCTLR_UMA: u64 = 9;
const SCTLR_NTWI: u64 = 16;
const SCTLR_NTWE: u64 = 18;

export function executeSystem(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  switch (operation) {
    case op.SVC:
      // ERET completes the step; its target has not been stepped.
      store<u32>(block, pstate() & ~PSTATE_SS, PSTATE);
      return synchronous(EC_SVC, i2(r) as u32, pc + 4);
    case op.HVC:
      return call(r, pc, slice);
    case op.BRK:
      return breakpoint(r, pc);
    case op.HLT:
      return halt(r, pc);
    case op.MRS_STATE:
      return allowed(r) ? set(s, r, pc, load<u64>(s + (i1(r) as usize))) : undefined_(pc);
    case op.MSR_STATE:
      return writeState(s, r, pc);
    case op.MRS:
      return readRegister(s, r, pc, slice);
    case op.MSR:
      return writeRegister(s, r, pc, slice);
    case op.SYS:
      return executeMaintenance(s, r, pc);
    case op.MSR_SPSEL:
      return selectSp(r, pc);
    case op.MSR_DAIFSET:
    case op.MSR_DAIFCLR:
      return mask(operation, r, pc);
    case op.ERET:
      return currentEl() === 0 ? undefined_(pc) : exceptionReturn();
    case op.WFI:
      return waitFor(pc, SCTLR_NTWI, 0, EXIT_WFI);
    case op.WFE:
      return waitFor(pc, SCTLR_NTWE, 1, EXIT_WFE);
    case op.YIELD:
      spin(EXIT_YIELD);
      return pc + 4;
    case op.CLREX:
      store<u64>(s, OPEN, EXCLUSIVE_AT);
      return pc + 4;
    case op.ISB:
      // Nothing to do: decoded instructions and translations are checked when used, so they are never stale.
      return pc + 4;
    default:
      return barrier(s, r, pc);
  }
}

/**
 * Orders the accesses of this thread too: a read-modify-write is a full fence. Loads are never early, so a barrier of loads
 * alone (1) leaves the store buffer as it is; one of stores (2) keeps later stores behind earlier ones. A DSB completes TLB
 * maintenance too.
 */
function barrier(s: usize, r: usize, pc: u64): u64 {
  const orders = i2(r);
  if (orders === 2) bufferBarrier();
  else if (orders !== 1) drain();
  atomic.or<u32>(s + OPTIONS, 0);
  if (i1(r) !== 0) completeFlushes();
  return pc + 4;
}

function call(r: usize, pc: u64, slice: i32): u64 {
  if (currentEl() === 0) return undefined_(pc);
  syncInstructions(slice);
  hypercall(i2(r));
  setAttention(1);
  return pc + 4;
}

function breakpoint(r: usize, pc: u64): u64 {
  if ((load<u32>(block, OPTIONS) & OPTION_BREAKS) === 0) return synchronous(EC_BRK, i2(r) as u32, pc);
  setExit(EXIT_BREAK);
  return pc;
}

function halt(r: usize, pc: u64): u64 {
  if (i2(r) !== 0xf000 || (load<u32>(block, OPTIONS) & OPTION_SEMIHOSTING) === 0) return undefined_(pc);
  setExit(EXIT_SEMIHOSTING);
  return pc + 4;
}

/** EL0 reaches registers whose op1 is 3. */
function allowed(r: usize): boolean {
  return currentEl() !== 0 || ((i2(r) >> 11) & 7) === 3;
}

const TPIDRRO_EL0: i32 = 0xde83;

function writeState(s: usize, r: usize, pc: u64): u64 {
  if (!allowed(r) || (currentEl() === 0 && i2(r) === TPIDRRO_EL0)) return undefined_(pc);
  store<u64>(s + (i1(r) as usize), n64(s, r));
  return pc + 4;
}

function selectSp(r: usize, pc: u64): u64 {
  if (currentEl() === 0) return undefined_(pc);
  const wanted = i2(r) & 1;
  switchSp(1, wanted);
  store<u32>(block, (pstate() & ~1) | wanted, PSTATE);
  return pc + 4;
}

/** MSR DAIFSet and DAIFClr. At EL0 SCTLR_EL1.UMA allows them, else they trap as system register accesses. */
function mask(operation: i32, r: usize, pc: u64): u64 {
  if (currentEl() === 0 && ((load<u64>(block, SCTLR_EL1) >> SCTLR_UMA) & 1) === 0) return trapAccess(r, pc);
  const bits = ((i2(r) << 6) as u32) & DAIF;
  store<u32>(block, operation === op.MSR_DAIFSET ? pstate() | bits : pstate() & ~bits, PSTATE);
  setAttention(1);
  return pc + 4;
}

/** The exception of a trapped MSR, MRS or system instruction. */
export function trapAccess(r: usize, pc: u64): u64 {
  const w = word(r);
  const iss =
    (((w >> 19) & 3) << 20) |
    (((w >> 5) & 7) << 17) |
    (((w >> 16) & 7) << 14) |
    (((w >> 12) & 15) << 10) |
    ((w & 31) << 5) |
    (((w >> 8) & 15) << 1) |
    bit(w, 21);
  return synchronous(EC_SYSTEM_REGISTER, iss, pc);
}

/** A WFI with the interrupt line asserted completes at once, even if PSTATE masks the interrupt. */
function waitFor(pc: u64, control: u64, trapped: u32, reason: i32): u64 {
  if (reason === EXIT_WFI && load<u32>(block, IRQ) !== 0) return pc + 4;
  if (currentEl() === 0 && ((load<u64>(block, SCTLR_EL1) >> control) & 1) === 0) {
    return synchronous(EC_WFX, (1 << 24) | (0xe << 20) | trapped, pc);
  }
  drain();
  if (reason === EXIT_WFI) setExit(reason);
  else spin(reason);
  return pc + 4;
}

/** WFE and YIELD end the run after `SPINS` of them, so that another vCPU gets a turn. */
function spin(reason: i32): void {
  const spins = load<u32>(block, SPINS);
  if (spins === 0) setExit(reason);
  else store<u32>(block, spins - 1, SPINS);
}
