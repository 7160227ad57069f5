/** Data processing (register): Arm DDI 0487, C4.1 "Data Processing -- Register". */
import {
  ADD_R64,
  AND_R64,
  ASRV32,
  ASRV64,
  CARRY,
  CCMP,
  CRC32,
  CSEL32,
  CSEL64,
  CSINC32,
  CSINC64,
  CSINV32,
  CSINV64,
  CSNEG32,
  CSNEG64,
  DP1,
  EXTENDED,
  LSLV32,
  LSLV64,
  LSRV32,
  LSRV64,
  MADD32,
  MADD64,
  MSUB32,
  MSUB64,
  MULH,
  RORV,
  SDIV,
  SHIFTED,
  SMADDL,
  SMSUBL,
  UDIV32,
  UDIV64,
  UMADDL,
  UMSUBL,
} from './ops';
import { bit, bits, put, putMore, stack, target, undefinedRecord } from './record';

export function decodeRegister(w: u32, r: usize): void {
  const group = bits(w, 21, 4);
  if (bit(w, 28) === 0) {
    if ((group & 8) === 0) shifted(w, r, true);
    else if ((group & 1) === 0) shifted(w, r, false);
    else extended(w, r);
  } else if (group === 0) withCarry(w, r);
  else if (group === 2) conditionalCompare(w, r);
  else if (group === 4) conditionalSelect(w, r);
  else if (group === 6) bit(w, 30) !== 0 ? oneSource(w, r) : twoSources(w, r);
  else if (group >= 8) threeSources(w, r);
  else undefinedRecord(r);
}

/**
 * The loop executes LSL; other shifts are SHIFTED, with the loop's operation number in Ra's field. Operations come in
 * pairs (64, 32): arithmetic ADD, SUB, ADDS, SUBS; logical AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS.
 */
function shifted(w: u32, r: usize, logical: boolean): void {
  const sf = bit(w, 31);
  const shift = bits(w, 22, 2);
  const amount = bits(w, 10, 6);
  if ((sf === 0 && amount >= 32) || (!logical && shift === 3)) return undefinedRecord(r);
  const index: u32 = logical ? (bits(w, 29, 2) << 1) | bit(w, 21) : (bit(w, 29) << 1) | bit(w, 30);
  const op = ((logical ? AND_R64 : ADD_R64) as u32) + (index << 1) + (1 - sf);
  put(r, shift === 0 ? (op as i32) : SHIFTED, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), op, amount as i32, shift as i32);
}

function extended(w: u32, r: usize): void {
  const amount = bits(w, 10, 3);
  if (bits(w, 22, 2) !== 0 || amount > 4) return undefinedRecord(r);
  const setsFlags = bit(w, 29) !== 0;
  const rd = bits(w, 0, 5);
  put(r, EXTENDED, setsFlags ? target(rd) : stack(rd), stack(bits(w, 5, 5)));
  putMore(r, bits(w, 16, 5), bits(w, 29, 3), bits(w, 13, 3) as i32, amount as i32);
}

/** ADC, ADCS, SBC, SBCS: sf, op and S in Ra's field. */
function withCarry(w: u32, r: usize): void {
  if (bits(w, 10, 6) !== 0) return undefinedRecord(r);
  put(r, CARRY, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), bits(w, 29, 3), 0, 0);
}

/** Flags (as four bits) for which a condition holds: bit n is set where it holds with NZCV equal to n. */
export function conditionMask(condition: u32): i32 {
  let mask: i32 = 0;
  for (let flags = 0; flags < 16; flags++) {
    const n = (flags >> 3) & 1;
    const z = (flags >> 2) & 1;
    const c = (flags >> 1) & 1;
    const v = flags & 1;
    let holds = true;
    switch (condition >> 1) {
      case 0:
        holds = z === 1;
        break;
      case 1:
        holds = c === 1;
        break;
      case 2:
        holds = n === 1;
        break;
      case 3:
        holds = v === 1;
        break;
      case 4:
        holds = c === 1 && z === 0;
        break;
      case 5:
        holds = n === v;
        break;
      case 6:
        holds = n === v && z === 0;
        break;
    }
    if ((condition & 1) === 1 && condition !== 15) holds = !holds;
    if (holds) mask |= 1 << flags;
  }
  return mask;
}

/** CCMN, CCMP: sf and op in 32-bit number's bits 9:8, whether Rm is an immediate in bit 4, NZCV in 3:0. */
function conditionalCompare(w: u32, r: usize): void {
  if (bit(w, 29) === 0 || bit(w, 10) !== 0 || bit(w, 4) !== 0) return undefinedRecord(r);
  put(r, CCMP, 32, bits(w, 5, 5));
  const kind = (bits(w, 30, 2) << 8) | (bit(w, 11) << 4) | bits(w, 0, 4);
  putMore(r, bits(w, 16, 5), 0, conditionMask(bits(w, 12, 4)), kind as i32);
}

function conditionalSelect(w: u32, r: usize): void {
  if (bit(w, 29) !== 0 || bit(w, 11) !== 0) return undefinedRecord(r);
  const sf = bit(w, 31) !== 0;
  let op: i32 = sf ? CSEL64 : CSEL32;
  switch ((bit(w, 30) << 1) | bit(w, 10)) {
    case 1:
      op = sf ? CSINC64 : CSINC32;
      break;
    case 2:
      op = sf ? CSINV64 : CSINV32;
      break;
    case 3:
      op = sf ? CSNEG64 : CSNEG32;
      break;
  }
  put(r, op, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), 0, conditionMask(bits(w, 12, 4)), 0);
}

/** RBIT 0, REV16 1, REV32 2 (REV of a W register), REV64 3, CLZ 4, CLS 5; sf in the 16-bit number. */
function oneSource(w: u32, r: usize): void {
  const sf = bit(w, 31);
  const opcode = bits(w, 10, 6);
  if (bit(w, 29) !== 0 || bits(w, 16, 5) !== 0 || opcode > 5 || (opcode === 3 && sf === 0)) {
    return undefinedRecord(r);
  }
  put(r, DP1, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, 31, opcode, sf as i32, 0);
}

function twoSources(w: u32, r: usize): void {
  const sf = bit(w, 31) !== 0;
  const opcode = bits(w, 10, 6);
  if (bit(w, 29) !== 0) return undefinedRecord(r);
  let op: i32 = 0;
  if (opcode === 2) op = sf ? UDIV64 : UDIV32;
  else if (opcode === 3) op = SDIV;
  else if (opcode === 8) op = sf ? LSLV64 : LSLV32;
  else if (opcode === 9) op = sf ? LSRV64 : LSRV32;
  else if (opcode === 10) op = sf ? ASRV64 : ASRV32;
  else if (opcode === 11) op = RORV;
  else if (opcode >= 16 && opcode < 24 && sf === ((opcode & 3) === 3)) op = CRC32;
  if (op === 0) return undefinedRecord(r);
  put(r, op, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), opcode, sf ? 1 : 0, 0);
}

function threeSources(w: u32, r: usize): void {
  const sf = bit(w, 31) !== 0;
  const opcode = (bits(w, 21, 3) << 1) | bit(w, 15);
  if (bits(w, 29, 2) !== 0 || (!sf && opcode > 1)) return undefinedRecord(r);
  let op: i32 = 0;
  switch (opcode) {
    case 0:
      op = sf ? MADD64 : MADD32;
      break;
    case 1:
      op = sf ? MSUB64 : MSUB32;
      break;
    case 2:
      op = SMADDL;
      break;
    case 3:
      op = SMSUBL;
      break;
    case 4:
    case 12:
      op = MULH;
      break;
    case 10:
      op = UMADDL;
      break;
    case 11:
      op = UMSUBL;
      break;
    default:
      return undefinedRecord(r);
  }
  put(r, op, target(bits(w, 0, 5)), bits(w, 5, 5));
  // For MULH the 16-bit number says unsigned.
  putMore(r, bits(w, 16, 5), bits(w, 10, 5), opcode === 12 ? 1 : 0, 0);
}
