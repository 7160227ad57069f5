/** MRS and MSR of registers that are not plain words of the block. */
import {
  CNTKCTL_EL1,
  CPACR_EL1,
  FPCR,
  FPSR,
  MAIR_EL1,
  MDSCR_EL1,
  MPIDR,
  OSLAR_EL1,
  PSTATE,
  REFUSED,
  SCTLR_EL1,
  SP_EL0,
  TCR_EL1,
  TTBR0_EL1,
  TTBR1_EL1,
} from './block';
import { block, currentEl, nzcv, pstate, setAttention, setNzcv, syncInstructions } from './context';
import { hasCounter, readCounter } from './counter';
import { debugRegister, judgeDebug, setDebugRegister } from './debug';
import { fpTrap, fpTraps, switchSp, undefined_ } from './exceptions';
import { identification, isIdentification } from './identification';
import { flushTlb } from './memory';
import { n64, set } from './operands';
import { registerRead, registerWrite } from './outside';
import { i2 } from './record';
import { trapAccess } from './system';

/** op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0. */
const SCTLR: i32 = 0xc080;
const CPACR: i32 = 0xc082;
const TTBR0: i32 = 0xc100;
const TTBR1: i32 = 0xc101;
const TCR: i32 = 0xc102;
const SP_OF_EL0: i32 = 0xc208;
const SPSEL: i32 = 0xc210;
const CURRENT_EL: i32 = 0xc212;
const MAIR: i32 = 0xc510;
const ISR: i32 = 0xc608;
const CNTPCT: i32 = 0xdf01;
const CNTVCT: i32 = 0xdf02;
const CTR: i32 = 0xd801;
const DCZID: i32 = 0xd807;
const NZCV: i32 = 0xda10;
const DAIF: i32 = 0xda11;
const FPCR_: i32 = 0xda20;
const FPSR_: i32 = 0xda21;
const MDSCR: i32 = 0x8012;
const OSLAR: i32 = 0x8084;
const OSLSR: i32 = 0x808c;
const OSDLR: i32 = 0x809c;

const CTR_VALUE: u64 = 0xb444_c004;
const DCZID_VALUE: u64 = 4;
const SCTLR_UMA: u64 = 9;
const SCTLR_DZE: u64 = 14;
const SCTLR_UCT: u64 = 15;
/** RES1 bits of SCTLR_EL1, and its bits in this profile. */
const SCTLR_RES1: u64 = 0x30d0_0800;
const SCTLR_BITS: u64 = 0x3fdf_da1f | SCTLR_RES1;
const FPCR_BITS: u64 = 0x07c8_0000;
const FPSR_BITS: u64 = 0x0800_009f;

function sctlr(at: u64): boolean {
  return ((load<u64>(block, SCTLR_EL1) >> at) & 1) !== 0;
}

/** Timer and GIC registers, which the board implements: CRn 14 with op1 3; ICC_PMR_EL1; CRn 12 except VBAR, RVBAR, ISR. */
function isExternal(encoding: i32): boolean {
  if (encoding >> 14 !== 3) return false;
  const op1 = (encoding >> 11) & 7;
  const crn = (encoding >> 7) & 15;
  const crm = (encoding >> 3) & 15;
  if (crn === 14) return op1 === 3;
  if (op1 !== 0) return false;
  return encoding === 0xc230 || (crn === 12 && crm >= 8);
}

/** Breakpoint and watchpoint registers. */
function isDebug(encoding: i32): boolean {
  const crn = (encoding >> 7) & 15;
  const op2 = encoding & 7;
  return encoding >> 11 === 0x10 && crn === 0 && op2 >= 4;
}

/** 0 the access is allowed, 1 it traps, 2 UNDEFINED: of a timer register at EL0. */
function timerAccess(encoding: i32): i32 {
  if (currentEl() !== 0) return 0;
  const op1 = (encoding >> 11) & 7;
  if (op1 !== 3) return 2;
  const control = load<u64>(block, CNTKCTL_EL1);
  const crm = (encoding >> 3) & 15;
  const op2 = encoding & 7;
  let bits: u64 = 0;
  if (crm === 0) bits = op2 === 0 ? 3 : op2 === 1 ? 1 : op2 === 2 ? 2 : 0;
  else if (crm === 2) bits = 0x200;
  else if (crm === 3) bits = 0x100;
  if (bits === 0) return 2;
  return (control & bits) !== 0 ? 0 : 1;
}

function external(s: usize, r: usize, pc: u64, slice: i32, reads: boolean): u64 {
  const encoding = i2(r);
  const access = timerAccess(encoding);
  if (access !== 0) return access === 1 ? trapAccess(r, pc) : undefined_(pc);
  // CNTPCT_EL0 and CNTVCT_EL0 count the same time.
  if (reads && (encoding === CNTVCT || encoding === CNTPCT) && hasCounter()) {
    return set(s, r, pc, readCounter(slice));
  }
  syncInstructions(slice);
  let value: u64 = 0;
  if (reads) value = registerRead(encoding);
  else registerWrite(encoding, n64(s, r));
  setAttention(1);
  if (load<u32>(block, REFUSED) !== 0) {
    store<u32>(block, 0, REFUSED);
    return undefined_(pc);
  }
  return reads ? set(s, r, pc, value) : pc + 4;
}

export function readRegister(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const encoding = i2(r);
  const el0 = currentEl() === 0;
  switch (encoding) {
    case NZCV:
      return set(s, r, pc, (nzcv as u64) << 28);
    case FPCR_:
      return fpTraps() ? fpTrap(pc) : set(s, r, pc, load<u32>(s, FPCR));
    case FPSR_:
      return fpTraps() ? fpTrap(pc) : set(s, r, pc, load<u32>(s, FPSR));
    case DAIF:
      return el0 && !sctlr(SCTLR_UMA) ? trapAccess(r, pc) : set(s, r, pc, (pstate() & 0x3c0) as u64);
    case CTR:
      return el0 && !sctlr(SCTLR_UCT) ? trapAccess(r, pc) : set(s, r, pc, CTR_VALUE);
    case DCZID: {
      const prohibited: u64 = el0 && !sctlr(SCTLR_DZE) ? 16 : 0;
      return set(s, r, pc, DCZID_VALUE | prohibited);
    }
  }
  if (isExternal(encoding)) return external(s, r, pc, slice, true);
  if (el0) return undefined_(pc);
  switch (encoding) {
    case SCTLR:
      return set(s, r, pc, load<u64>(s, SCTLR_EL1));
    case CPACR:
      return set(s, r, pc, load<u64>(s, CPACR_EL1));
    case TTBR0:
      return set(s, r, pc, load<u64>(s, TTBR0_EL1));
    case TTBR1:
      return set(s, r, pc, load<u64>(s, TTBR1_EL1));
    case TCR:
      return set(s, r, pc, load<u64>(s, TCR_EL1));
    case MAIR:
      return set(s, r, pc, load<u64>(s, MAIR_EL1));
    case SP_OF_EL0:
      return (pstate() & 1) === 0 ? undefined_(pc) : set(s, r, pc, load<u64>(s, SP_EL0));
    case SPSEL:
      return set(s, r, pc, (pstate() & 1) as u64);
    case CURRENT_EL:
      return set(s, r, pc, (pstate() & 0xc) as u64);
    case ISR:
      return set(s, r, pc, interruptStatus());
    case OSLSR:
      return set(s, r, pc, 8 | ((load<u64>(s, OSLAR_EL1) & 1) << 1));
    case MDSCR:
      return set(s, r, pc, load<u64>(s, MDSCR_EL1));
    case OSDLR:
      return set(s, r, pc, 0);
  }
  if (isDebug(encoding)) return set(s, r, pc, debugRegister(encoding));
  if (isIdentification(encoding)) return set(s, r, pc, identification(encoding, load<u64>(s, MPIDR)));
  return undefined_(pc);
}

/** ISR_EL1: the I bit says that an interrupt is pending. */
function interruptStatus(): u64 {
  return load<u32>(block, 0x138) !== 0 ? 0x80 : 0;
}

/** A register that decides how addresses are translated. */
function translation(s: usize, at: usize, value: u64, pc: u64): u64 {
  if (load<u64>(s + at) !== value) {
    store<u64>(s + at, value);
    flushTlb();
  }
  return pc + 4;
}

/** Call after a change of a debug register. @param flushes - whether checking of accesses was switched on or off */
function changeDebug(pc: u64, flushes: boolean): u64 {
  if (flushes) flushTlb();
  setAttention(1);
  return pc + 4;
}

export function writeRegister(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const encoding = i2(r);
  const value = n64(s, r);
  const el0 = currentEl() === 0;
  switch (encoding) {
    case NZCV:
      setNzcv(((value >> 28) & 15) as i32);
      return pc + 4;
    case FPCR_:
      if (fpTraps()) return fpTrap(pc);
      store<u32>(s, (value & FPCR_BITS) as u32, FPCR);
      return pc + 4;
    case FPSR_:
      if (fpTraps()) return fpTrap(pc);
      store<u32>(s, (value & FPSR_BITS) as u32, FPSR);
      return pc + 4;
    case DAIF:
      if (el0 && !sctlr(SCTLR_UMA)) return trapAccess(r, pc);
      store<u32>(s, (pstate() & ~0x3c0) | ((value & 0x3c0) as u32), PSTATE);
      setAttention(1);
      return pc + 4;
  }
  if (isExternal(encoding)) return external(s, r, pc, slice, false);
  if (el0) return undefined_(pc);
  switch (encoding) {
    case SCTLR:
      return translation(s, SCTLR_EL1, (value & SCTLR_BITS) | SCTLR_RES1, pc);
    case CPACR:
      store<u64>(s, value & 0x30_0000, CPACR_EL1);
      return pc + 4;
    case TTBR0:
      return translation(s, TTBR0_EL1, value, pc);
    case TTBR1:
      return translation(s, TTBR1_EL1, value, pc);
    case TCR:
      return translation(s, TCR_EL1, value, pc);
    case MAIR:
      store<u64>(s, value, MAIR_EL1);
      return pc + 4;
    case SP_OF_EL0:
      if ((pstate() & 1) === 0) return undefined_(pc);
      store<u64>(s, value, SP_EL0);
      return pc + 4;
    case SPSEL:
      switchSp(1, (value & 1) as u32);
      store<u32>(s, (pstate() & ~1) | ((value & 1) as u32), PSTATE);
      return pc + 4;
    case OSLAR:
      store<u64>(s, value & 1, OSLAR_EL1);
      return pc + 4;
    case MDSCR:
      store<u64>(s, value, MDSCR_EL1);
      return changeDebug(pc, judgeDebug());
    case OSDLR:
      return pc + 4;
  }
  if (isDebug(encoding)) return changeDebug(pc, setDebugRegister(encoding, value));
  return undefined_(pc);
}
