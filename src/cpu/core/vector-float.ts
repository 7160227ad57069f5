/** The floating-point operations of Advanced SIMD; each returns false where the encoding is reserved. */
import {
  absolute,
  add,
  compare,
  divide,
  extreme,
  multiply,
  multiplyAdd,
  negate,
  squareRoot,
  step,
  subtract,
} from './float-arithmetic';
import { convert, fromFixed, roundToInteger, toFixed } from './float-convert';
import {
  reciprocalEstimate,
  reciprocalExponent,
  reciprocalRootEstimate,
  unsignedReciprocal,
  unsignedReciprocalRoot,
} from './float-estimate';
import { DOWN, NEAREST, roundingMode, TIES_AWAY, TO_ODD, TO_ZERO, UP } from './float-number';
import { clearResult, commit, commitUpper, lane, setResult, wideLane } from './lanes';
import { bit, bits, rd, rm, rn, word } from './record';

function truth(holds: boolean): u64 {
  return holds ? ~(0 as u64) : 0;
}

function lanesOf(w: u32, width: u32): u32 {
  if (bit(w, 28) !== 0) return 1;
  return bit(w, 30) !== 0 ? 16 >> width : 8 >> width;
}

/** Double precision of 64-bit registers is reserved. */
function wrongWidth(w: u32): boolean {
  return bit(w, 28) === 0 && bit(w, 22) !== 0 && bit(w, 30) === 0;
}

/** Opcode 24 to 31, with U in bit 6 and bit 23 of the word in bit 5. */
function sameExists(key: u32, scalar: boolean): boolean {
  switch (key) {
    case 0x1b:
    case 0x1c:
    case 0x1f:
    case 0x3f:
    case 0x5c:
    case 0x5d:
    case 0x7a:
    case 0x7c:
    case 0x7d:
      return true;
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1e:
    case 0x38:
    case 0x39:
    case 0x3a:
    case 0x3e:
    case 0x58:
    case 0x5a:
    case 0x5b:
    case 0x5e:
    case 0x5f:
    case 0x78:
    case 0x7e:
      return !scalar;
    default:
      return false;
  }
}

export function floatingThreeSame(r: usize): boolean {
  const w = word(r);
  const width = bit(w, 22) + 2;
  const key = (bit(w, 29) << 6) | (bit(w, 23) << 5) | bits(w, 11, 5);
  if (!sameExists(key, bit(w, 28) !== 0) || wrongWidth(w)) return false;
  const lanes = lanesOf(w, width);
  const pairs = key === 0x58 || key === 0x5a || key === 0x5e || key === 0x78 || key === 0x7e;
  const half = lanes >> 1;
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    let a = lane(rn(r), i, width);
    let b = lane(rm(r), i, width);
    if (pairs) {
      const v = i < half ? rn(r) : rm(r);
      const at = (i < half ? i : i - half) << 1;
      a = lane(v, at, width);
      b = lane(v, at + 1, width);
    }
    setResult(i, width, operate(key, a, b, lane(rd(r), i, width), width));
  }
  commit(rd(r));
  return true;
}

function operate(key: u32, a: u64, b: u64, old: u64, width: u32): u64 {
  switch (key) {
    case 0x18:
    case 0x58:
      return extreme(a, b, width, false, true);
    case 0x38:
    case 0x78:
      return extreme(a, b, width, true, true);
    case 0x1e:
    case 0x5e:
      return extreme(a, b, width, false, false);
    case 0x3e:
    case 0x7e:
      return extreme(a, b, width, true, false);
    case 0x19:
      return multiplyAdd(old, a, b, width, 0);
    case 0x39:
      return multiplyAdd(old, negate(a, width), b, width, 0);
    case 0x1a:
    case 0x5a:
      return add(a, b, width);
    case 0x3a:
      return subtract(a, b, width);
    case 0x7a:
      return absolute(subtract(a, b, width), width);
    case 0x1b:
      return multiply(a, b, width, true);
    case 0x5b:
      return multiply(a, b, width, false);
    case 0x5f:
      return divide(a, b, width);
    case 0x1f:
      return step(a, b, width, false);
    case 0x3f:
      return step(a, b, width, true);
    case 0x1c:
      return truth(compare(a, b, width, false) === 6);
    case 0x5c:
      return truth(atLeast(compare(a, b, width, true)));
    case 0x7c:
      return truth(compare(a, b, width, true) === 2);
    case 0x5d:
      return truth(atLeast(compare(absolute(a, width), absolute(b, width), width, true)));
    default:
      return truth(compare(absolute(a, width), absolute(b, width), width, true) === 2);
  }
}

/** Equal (0110) or greater (0010), not unordered (0011). */
function atLeast(flags: i32): boolean {
  return flags === 6 || flags === 2;
}

export function floatingIndexed(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 4);
  const u = bit(w, 29) !== 0;
  const width = bit(w, 22) + 2;
  if (bit(w, 23) === 0 || (u && opcode !== 9) || wrongWidth(w)) return false;
  if (width === 3 && bit(w, 21) !== 0) return false;
  const index = width === 3 ? bit(w, 11) : (bit(w, 11) << 1) | bit(w, 21);
  const b = lane(rm(r), index, width);
  const lanes = lanesOf(w, width);
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    const a = lane(rn(r), i, width);
    const old = lane(rd(r), i, width);
    if (opcode === 9) setResult(i, width, multiply(a, b, width, u));
    else setResult(i, width, multiplyAdd(old, opcode === 5 ? negate(a, width) : a, b, width, 0));
  }
  commit(rd(r));
  return true;
}

/** Opcode 12 to 31, with U in bit 6 and bit 23 of the word in bit 5. */
export function floatingTwoMisc(r: usize): boolean {
  const w = word(r);
  const scalar = bit(w, 28) !== 0;
  const key = (bit(w, 29) << 6) | (bit(w, 23) << 5) | bits(w, 12, 5);
  if (key === 0x16 || key === 0x56) return narrow(r, key === 0x56, scalar);
  if (key === 0x17) return !scalar && lengthen(r);
  const width = bit(w, 22) + 2;
  if (!miscExists(key, scalar, width) || wrongWidth(w)) return false;
  const lanes = lanesOf(w, width);
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) setResult(i, width, single(key, r, i, width));
  commit(rd(r));
  return true;
}

function miscExists(key: u32, scalar: boolean, width: u32): boolean {
  switch (key) {
    case 0x2c:
    case 0x2d:
    case 0x2e:
    case 0x6c:
    case 0x6d:
    case 0x1a:
    case 0x3a:
    case 0x1b:
    case 0x3b:
    case 0x1c:
    case 0x5a:
    case 0x7a:
    case 0x5b:
    case 0x7b:
    case 0x5c:
    case 0x1d:
    case 0x5d:
    case 0x3d:
    case 0x7d:
      return true;
    case 0x3f:
      return scalar;
    case 0x3c:
    case 0x7c:
      return !scalar && width === 2;
    case 0x2f:
    case 0x6f:
    case 0x18:
    case 0x38:
    case 0x19:
    case 0x39:
    case 0x58:
    case 0x59:
    case 0x79:
    case 0x7f:
      return !scalar;
    default:
      return false;
  }
}

function single(key: u32, r: usize, i: u32, width: u32): u64 {
  const a = lane(rn(r), i, width);
  switch (key) {
    case 0x2c:
      return truth(compare(a, 0, width, true) === 2);
    case 0x2d:
      return truth(compare(a, 0, width, false) === 6);
    case 0x2e:
      return truth(compare(a, 0, width, true) === 8);
    case 0x6c:
      return truth(atLeast(compare(a, 0, width, true)));
    case 0x6d:
      return truth(atLeast(compare(0, a, width, true)));
    case 0x2f:
      return absolute(a, width);
    case 0x6f:
      return negate(a, width);
    case 0x18:
      return roundToInteger(a, width, NEAREST, false);
    case 0x38:
      return roundToInteger(a, width, UP, false);
    case 0x19:
      return roundToInteger(a, width, DOWN, false);
    case 0x39:
      return roundToInteger(a, width, TO_ZERO, false);
    case 0x58:
      return roundToInteger(a, width, TIES_AWAY, false);
    case 0x59:
      return roundToInteger(a, width, roundingMode(), true);
    case 0x79:
      return roundToInteger(a, width, roundingMode(), false);
    case 0x1d:
    case 0x5d:
      return fromFixed(wideLane(rn(r), i, width, key === 0x5d), width, key === 0x5d, roundingMode(), 0);
    case 0x3d:
      return reciprocalEstimate(a, width);
    case 0x7d:
      return reciprocalRootEstimate(a, width);
    case 0x3f:
      return reciprocalExponent(a, width);
    case 0x7f:
      return squareRoot(a, width);
    case 0x3c:
      return unsignedReciprocal(a as u32) as u64;
    case 0x7c:
      return unsignedReciprocalRoot(a as u32) as u64;
    default:
      return toFixed(a, width, width, (key & 0x40) !== 0, modeOf(key & 0x3f), 0);
  }
}

/** FCVTN 1a, FCVTP 3a, FCVTM 1b, FCVTZ 3b, FCVTA 1c. */
function modeOf(key: u32): u32 {
  if (key === 0x1a) return NEAREST;
  if (key === 0x3a) return UP;
  if (key === 0x1b) return DOWN;
  return key === 0x3b ? TO_ZERO : TIES_AWAY;
}

/** FCVTN, and FCVTXN, which rounds to odd. */
function narrow(r: usize, toOdd: boolean, scalar: boolean): boolean {
  const w = word(r);
  const width = bit(w, 22) + 1;
  if (scalar ? !toOdd || width !== 2 : toOdd && width !== 2) return false;
  const lanes: u32 = scalar ? 1 : 8 >> width;
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    setResult(
      i,
      width,
      convert(lane(rn(r), i, width + 1), width + 1, width, toOdd ? TO_ODD : roundingMode()),
    );
  }
  if (bit(w, 30) !== 0 && !scalar) commitUpper(rd(r));
  else commit(rd(r));
  return true;
}

function lengthen(r: usize): boolean {
  const w = word(r);
  const width = bit(w, 22) + 1;
  const lanes: u32 = 8 >> width;
  const first = lanes * bit(w, 30);
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    setResult(i, width + 1, convert(lane(rn(r), first + i, width), width, width + 1, roundingMode()));
  }
  commit(rd(r));
  return true;
}

/** SCVTF, UCVTF, FCVTZS, FCVTZU with binary places. */
export function floatingShift(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 11, 5);
  const immediate = bits(w, 16, 7);
  const width: u32 = 31 - clz<u32>(immediate >> 3);
  if (width < 2 || (opcode !== 28 && opcode !== 31)) return false;
  if (bit(w, 28) === 0 && width === 3 && bit(w, 30) === 0) return false;
  const u = bit(w, 29) !== 0;
  const places = ((16 << width) - immediate) as i32;
  const lanes = lanesOf(w, width);
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    const value = wideLane(rn(r), i, width, u || opcode === 31);
    if (opcode === 28) setResult(i, width, fromFixed(value, width, u, roundingMode(), places));
    else setResult(i, width, toFixed(value, width, width, u, TO_ZERO, places));
  }
  commit(rd(r));
  return true;
}

/** FMAXNMV, FMINNMV, FMAXV, FMINV of four singles, as a tree; and the scalar pairwise forms. */
export function floatingReduce(r: usize, scalar: boolean): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 5);
  const width = bit(w, 22) + 2;
  const smallest = bit(w, 23) !== 0;
  const adds = scalar && opcode === 13 && !smallest;
  if (bit(w, 29) === 0 || (opcode !== 12 && opcode !== 15 && !adds)) return false;
  if (!scalar && (bit(w, 30) === 0 || width !== 2)) return false;
  const a = lane(rn(r), 0, width);
  const b = lane(rn(r), 1, width);
  let result: u64 = 0;
  if (adds) result = add(a, b, width);
  else {
    const number = opcode === 12;
    result = extreme(a, b, width, smallest, number);
    if (!scalar) {
      const other = extreme(lane(rn(r), 2, width), lane(rn(r), 3, width), width, smallest, number);
      result = extreme(result, other, width, smallest, number);
    }
  }
  clearResult();
  setResult(0, width, result);
  commit(rd(r));
  return true;
}
