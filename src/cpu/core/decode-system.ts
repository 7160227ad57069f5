/** Branches, exception generation and system instructions: Arm DDI 0487, C4.1. */
import {
  ACTLR_EL1,
  AFSR0_EL1,
  AFSR1_EL1,
  AMAIR_EL1,
  CNTKCTL_EL1,
  CONTEXTIDR_EL1,
  CSSELR_EL1,
  ELR_EL1,
  ESR_EL1,
  FAR_EL1,
  MDCCINT_EL1,
  PAR_EL1,
  SPSR_EL1,
  TPIDR_EL0,
  TPIDR_EL1,
  TPIDRRO_EL0,
  VBAR_EL1,
} from './block';
import { conditionMask } from './decode-register';
import {
  B,
  B_COND,
  BARRIER,
  BL,
  BLR,
  BR,
  BRK,
  CBNZ32,
  CBNZ64,
  CBZ32,
  CBZ64,
  CLREX,
  ERET,
  HLT,
  HVC,
  ISB,
  MRS,
  MRS_STATE,
  MSR,
  MSR_DAIFCLR,
  MSR_DAIFSET,
  MSR_SPSEL,
  MSR_STATE,
  NOP,
  SVC,
  SYS,
  TBNZ,
  TBZ,
  WFE,
  WFI,
  YIELD,
} from './ops';
import { bit, bits, put, putImmediate, putMore, signed, target, undefinedRecord } from './record';

const SINK: u32 = 32;

export function decodeBranch(w: u32, r: usize): void {
  switch (bits(w, 29, 3)) {
    case 0:
    case 4:
      put(r, bit(w, 31) !== 0 ? BL : B, SINK, 31);
      putImmediate(r, ((signed(bits(w, 0, 26), 26) as i64) << 2) as u64);
      break;
    case 1:
    case 5:
      compareOrTest(w, r);
      break;
    case 2:
      if (bits(w, 24, 2) !== 0 || bit(w, 4) !== 0) return undefinedRecord(r);
      put(r, B_COND, SINK, 31);
      putMore(r, 31, 31, conditionMask(bits(w, 0, 4)), signed(bits(w, 5, 19), 19) << 2);
      break;
    case 6:
      if (bit(w, 25) !== 0) toRegister(w, r);
      else if (bit(w, 24) === 0) exception(w, r);
      else if (bits(w, 22, 2) === 0) system(w, r);
      else undefinedRecord(r);
      break;
    default:
      undefinedRecord(r);
  }
}

function compareOrTest(w: u32, r: usize): void {
  const sf = bit(w, 31);
  const nonZero = bit(w, 24) !== 0;
  if (bit(w, 25) !== 0) {
    put(r, nonZero ? TBNZ : TBZ, SINK, bits(w, 0, 5));
    putMore(r, 31, (sf << 5) | bits(w, 19, 5), 0, signed(bits(w, 5, 14), 14) << 2);
  } else {
    const op = nonZero ? (sf !== 0 ? CBNZ64 : CBNZ32) : sf !== 0 ? CBZ64 : CBZ32;
    put(r, op, SINK, bits(w, 0, 5));
    putMore(r, 31, 31, 0, signed(bits(w, 5, 19), 19) << 2);
  }
}

function toRegister(w: u32, r: usize): void {
  const opc = bits(w, 21, 4);
  if (bits(w, 16, 5) !== 31 || bits(w, 10, 6) !== 0 || bits(w, 0, 5) !== 0) return undefinedRecord(r);
  const rn = bits(w, 5, 5);
  if (opc === 0 || opc === 2) put(r, BR, SINK, rn);
  else if (opc === 1) put(r, BLR, SINK, rn);
  else if (opc === 4 && rn === 31) put(r, ERET, SINK, 31);
  else undefinedRecord(r);
}

function exception(w: u32, r: usize): void {
  const opc = bits(w, 21, 3);
  const ll = bits(w, 0, 2);
  if (bits(w, 2, 3) !== 0) return undefinedRecord(r);
  if (opc === 0 && ll === 1) put(r, SVC, SINK, 31);
  else if (opc === 0 && ll === 2) put(r, HVC, SINK, 31);
  else if (opc === 1 && ll === 0) put(r, BRK, SINK, 31);
  else if (opc === 2 && ll === 0) put(r, HLT, SINK, 31);
  else return undefinedRecord(r);
  putMore(r, 31, 31, 0, bits(w, 5, 16) as i32);
}

/** Encoding of a system register: op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0. */
function encode(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32): u32 {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

function system(w: u32, r: usize): void {
  const op0 = bits(w, 19, 2);
  const reads = bit(w, 21) !== 0;
  const rt = bits(w, 0, 5);
  if (op0 >= 2) return register(w, r, bits(w, 5, 16), reads, rt);
  const op1 = bits(w, 16, 3);
  const crn = bits(w, 12, 4);
  const crm = bits(w, 8, 4);
  const op2 = bits(w, 5, 3);
  if (op0 === 1) {
    // SYSL has no operation in this profile.
    if (reads) return undefinedRecord(r);
    put(r, SYS, SINK, rt);
    putMore(r, 31, 31, 0, bits(w, 5, 16) as i32);
    return;
  }
  if (reads || rt !== 31) return undefinedRecord(r);
  if (crn === 4) processorState(r, op1, op2, crm);
  else if (op1 !== 3) undefinedRecord(r);
  else if (crn === 2) hint(r, (crm << 3) | op2);
  else if (crn === 3) barrier(r, op2, crm);
  else undefinedRecord(r);
}

function hint(r: usize, number: u32): void {
  const op = number === 1 ? YIELD : number === 2 ? WFE : number === 3 ? WFI : NOP;
  put(r, op, SINK, 31);
}

/** CLREX, DSB, DMB, ISB; SSBB and PSSBB are DSBs. CRm's low bits say which accesses a DMB orders: loads 1, stores 2. i1: a DSB. */
function barrier(r: usize, op2: u32, crm: u32): void {
  if (op2 === 2) put(r, CLREX, SINK, 31);
  else if (op2 === 4 || op2 === 5) put(r, BARRIER, SINK, 31);
  else if (op2 === 6) put(r, ISB, SINK, 31);
  else return undefinedRecord(r);
  putMore(r, 31, 31, op2 === 4 ? 1 : 0, (op2 === 5 ? crm & 3 : 3) as i32);
}

function processorState(r: usize, op1: u32, op2: u32, crm: u32): void {
  if (op1 === 0 && op2 === 5) put(r, MSR_SPSEL, SINK, 31);
  else if (op1 === 3 && op2 === 6) put(r, MSR_DAIFSET, SINK, 31);
  else if (op1 === 3 && op2 === 7) put(r, MSR_DAIFCLR, SINK, 31);
  else return undefinedRecord(r);
  putMore(r, 31, 31, 0, crm as i32);
}

/** Registers that are nothing but state get their place in the block; the others go by their encoding. */
function register(_w: u32, r: usize, encoding: u32, reads: boolean, rt: u32): void {
  const place = placeOf(encoding);
  if (place === 0) put(r, reads ? MRS : MSR, reads ? target(rt) : SINK, rt);
  else put(r, reads ? MRS_STATE : MSR_STATE, reads ? target(rt) : SINK, rt);
  putMore(r, 31, rt, place, encoding as i32);
}

function placeOf(encoding: u32): i32 {
  switch (encoding) {
    case encode(3, 0, 1, 0, 1):
      return ACTLR_EL1;
    case encode(3, 0, 4, 0, 0):
      return SPSR_EL1;
    case encode(3, 0, 4, 0, 1):
      return ELR_EL1;
    case encode(3, 0, 5, 1, 0):
      return AFSR0_EL1;
    case encode(3, 0, 5, 1, 1):
      return AFSR1_EL1;
    case encode(3, 0, 5, 2, 0):
      return ESR_EL1;
    case encode(3, 0, 6, 0, 0):
      return FAR_EL1;
    case encode(3, 0, 7, 4, 0):
      return PAR_EL1;
    case encode(3, 0, 10, 3, 0):
      return AMAIR_EL1;
    case encode(3, 0, 12, 0, 0):
      return VBAR_EL1;
    case encode(3, 0, 13, 0, 1):
      return CONTEXTIDR_EL1;
    case encode(3, 0, 13, 0, 4):
      return TPIDR_EL1;
    case encode(3, 3, 13, 0, 2):
      return TPIDR_EL0;
    case encode(3, 3, 13, 0, 3):
      return TPIDRRO_EL0;
    case encode(3, 0, 14, 1, 0):
      return CNTKCTL_EL1;
    case encode(3, 2, 0, 0, 0):
      return CSSELR_EL1;
    case encode(2, 0, 0, 2, 0):
      return MDCCINT_EL1;
    default:
      return 0;
  }
}
