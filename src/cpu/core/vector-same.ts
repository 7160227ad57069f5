/** Advanced SIMD three same (integer), and across lanes, and pairwise. */
import {
  absoluteDifference,
  addSaturated,
  doubleHigh,
  halved,
  polynomial,
  shiftBy,
  subtractSaturated,
} from './lane-arithmetic';
import { clearResult, commit, lane, laneMask, register, setResult, wideLane } from './lanes';
import { bit, bits, rd, rm, rn, word } from './record';
import { floatingThreeSame } from './vector-float';

/** Whether an element's operation is reserved for a size. @param size - log2 of the bytes */
function reserved(opcode: u32, u: boolean, size: u32, scalar: boolean): boolean {
  if (scalar) {
    // Saturating additions and shifts have all sizes; comparisons, ADD, SUB and plain shifts 64 bits only.
    switch (opcode) {
      case 1:
      case 5:
      case 9:
      case 11:
        return false;
      case 6:
      case 7:
      case 8:
      case 10:
      case 16:
      case 17:
        return size !== 3;
      case 22:
        return size === 0 || size === 3;
      default:
        return true;
    }
  }
  switch (opcode) {
    case 0:
    case 2:
    case 4:
    case 12:
    case 13:
    case 14:
    case 15:
    case 18:
    case 20:
    case 21:
      return size === 3;
    case 19:
      return u ? size !== 0 : size === 3;
    case 22:
      return size === 0 || size === 3;
    case 23:
      return u;
    default:
      return false;
  }
}

/** Returns false where the encoding is reserved. */
export function threeSame(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 11, 5);
  const u = bit(w, 29) !== 0;
  const scalar = bit(w, 28) !== 0;
  const q = bit(w, 30) !== 0;
  const size = bits(w, 22, 2);
  if (opcode >= 24) return floatingThreeSame(r);
  if (opcode === 3) return !scalar && logical(r, (u ? 4 : 0) | size, q);
  if (reserved(opcode, u, size, scalar)) return false;
  if (!scalar && size === 3 && !q) return false;
  const lanes: u32 = scalar ? 1 : (q ? 16 : 8) >> size;
  clearResult();
  if (opcode === 20 || opcode === 21 || opcode === 23) pairs(r, opcode, u, size, lanes);
  else {
    for (let i: u32 = 0; i < lanes; i++) {
      const a = wideLane(rn(r), i, size, u);
      const b = wideLane(rm(r), i, size, u);
      setResult(i, size, operate(opcode, u, a, b, lane(rd(r), i, size), size));
    }
  }
  commit(rd(r));
  return true;
}

function truth(holds: boolean): u64 {
  return holds ? ~(0 as u64) : 0;
}

function larger(a: u64, b: u64, u: boolean): u64 {
  return (u ? a > b : (a as i64) > (b as i64)) ? a : b;
}

function smaller(a: u64, b: u64, u: boolean): u64 {
  return (u ? a < b : (a as i64) < (b as i64)) ? a : b;
}

function operate(opcode: u32, u: boolean, a: u64, b: u64, old: u64, size: u32): u64 {
  switch (opcode) {
    case 0:
      return halved(a, b, false, false);
    case 1:
      return addSaturated(a, b, size, u);
    case 2:
      return halved(a, b, false, true);
    case 4:
      return halved(a, b, true, false);
    case 5:
      return subtractSaturated(a, b, size, u);
    case 6:
      return truth(u ? a > b : (a as i64) > (b as i64));
    case 7:
      return truth(u ? a >= b : (a as i64) >= (b as i64));
    case 8:
      return shiftBy(a, b, size, u, false, false);
    case 9:
      return shiftBy(a, b, size, u, false, true);
    case 10:
      return shiftBy(a, b, size, u, true, false);
    case 11:
      return shiftBy(a, b, size, u, true, true);
    case 12:
      return larger(a, b, u);
    case 13:
      return smaller(a, b, u);
    case 14:
      return absoluteDifference(a, b, u);
    case 15:
      return old + absoluteDifference(a, b, u);
    case 16:
      return u ? a - b : a + b;
    case 17:
      return truth(u ? a === b : (a & b & laneMask(size)) !== 0);
    case 18:
      return u ? old - a * b : old + a * b;
    case 19:
      return u ? polynomial(a, b) : a * b;
    default: {
      const unused = (64 - (8 << size)) as i64;
      return doubleHigh(((a as i64) << unused) >> unused, ((b as i64) << unused) >> unused, size, u);
    }
  }
}

/** SMAXP, UMAXP, SMINP, UMINP, ADDP: neighbours of Rn, then of Rm. */
function pairs(r: usize, opcode: u32, u: boolean, size: u32, lanes: u32): void {
  const half = lanes >> 1;
  for (let i: u32 = 0; i < lanes; i++) {
    const v = i < half ? rn(r) : rm(r);
    const at = (i < half ? i : i - half) << 1;
    const a = wideLane(v, at, size, u);
    const b = wideLane(v, at + 1, size, u);
    setResult(i, size, opcode === 23 ? a + b : opcode === 20 ? larger(a, b, u) : smaller(a, b, u));
  }
}

/** AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF. */
function logical(r: usize, kind: u32, q: boolean): boolean {
  clearResult();
  const end: u32 = q ? 2 : 1;
  for (let i: u32 = 0; i < end; i++) {
    const n = lane(rn(r), i, 3);
    const m = lane(rm(r), i, 3);
    const d = lane(rd(r), i, 3);
    let value: u64 = 0;
    if (kind === 0) value = n & m;
    else if (kind === 1) value = n & ~m;
    else if (kind === 2) value = n | m;
    else if (kind === 3) value = n | ~m;
    else if (kind === 4) value = n ^ m;
    else if (kind === 5) value = (n & d) | (m & ~d);
    else if (kind === 6) value = (n & m) | (d & ~m);
    else value = (n & ~m) | (d & m);
    setResult(i, 3, value);
  }
  commit(rd(r));
  return true;
}

/** SADDLV, UADDLV, SMAXV, UMAXV, SMINV, UMINV, ADDV. */
export function acrossLanes(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 5);
  const u = bit(w, 29) !== 0;
  const q = bit(w, 30) !== 0;
  const size = bits(w, 22, 2);
  if (size === 3 || (size === 2 && !q)) return false;
  const adds = opcode === 3 || (opcode === 27 && !u);
  if (!adds && opcode !== 10 && opcode !== 26) return false;
  let result = wideLane(rn(r), 0, size, u);
  const end: u32 = (q ? 16 : 8) >> size;
  for (let i: u32 = 1; i < end; i++) {
    const value = wideLane(rn(r), i, size, u);
    if (adds) result += value;
    else result = opcode === 10 ? larger(result, value, u) : smaller(result, value, u);
  }
  clearResult();
  setResult(0, opcode === 3 ? size + 1 : size, result);
  commit(rd(r));
  return true;
}

/** ADDP of a pair of 64-bit elements. */
export function scalarPair(r: usize): boolean {
  const w = word(r);
  if (bits(w, 12, 5) !== 27 || bit(w, 29) !== 0 || bits(w, 22, 2) !== 3) return false;
  const sum = lane(rn(r), 0, 3) + lane(rn(r), 1, 3);
  store<u64>(register(rd(r)), sum);
  store<u64>(register(rd(r)), 0, 8);
  return true;
}
