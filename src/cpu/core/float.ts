/** Scalar floating-point data processing. Each function returns false for a reserved encoding. */
import { getX, nzcv, setNzcv, setX } from './context';
import { conditionMask } from './decode-register';
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
  subtract,
} from './float-arithmetic';
import { convert, fromFixed, roundToInteger, toFixed } from './float-convert';
import { expandFloat32, expandFloat64 } from './float-immediate';
import { roundingMode, TIES_AWAY, TO_ZERO } from './float-number';
import { lane, register } from './lanes';
import * as op from './ops';
import { bit, bits, rd, rm, rn, target, word } from './record';

const HALF: u32 = 1;
const NO_TYPE: u32 = 0;

/** Width of the type in bits 23:22: single, double, half. */
function widthOf(w: u32): u32 {
  const type = bits(w, 22, 2);
  return type === 0 ? 2 : type === 1 ? 3 : type === 3 ? HALF : NO_TYPE;
}

function setScalar(v: u32, value: u64): boolean {
  store<u64>(register(v), value);
  store<u64>(register(v), 0, 8);
  return true;
}

export function executeFloat(operation: i32, r: usize): boolean {
  const w = word(r);
  const width = widthOf(w);
  if (operation === op.F_INTEGER) return integer(r, width);
  if (operation === op.F_ONE) return oneSource(r, width);
  // FP16 is not in this profile: only conversions support half precision.
  if (width !== 2 && width !== 3) return false;
  switch (operation) {
    case op.F_TWO:
      return twoSources(r, width);
    case op.F_THREE:
      return threeSources(r, width);
    case op.F_COMPARE:
      return comparison(r, width);
    case op.F_CONDITIONAL_COMPARE:
      return conditionalComparison(r, width);
    case op.F_SELECT: {
      const holds = ((conditionMask(bits(w, 12, 4)) >> nzcv) & 1) !== 0;
      return setScalar(rd(r), lane(holds ? rn(r) : rm(r), 0, width));
    }
    case op.F_IMMEDIATE: {
      if (bits(w, 5, 5) !== 0) return false;
      const imm8 = bits(w, 13, 8);
      return setScalar(rd(r), width === 2 ? expandFloat32(imm8) : expandFloat64(imm8));
    }
    default:
      return fixedPoint(r, width);
  }
}

function oneSource(r: usize, width: u32): boolean {
  const opcode = bits(word(r), 15, 6);
  if (width === NO_TYPE) return false;
  const a = lane(rn(r), 0, width);
  if (opcode >= 4 && opcode < 8) {
    const type = opcode & 3;
    const to: u32 = type === 0 ? 2 : type === 1 ? 3 : type === 3 ? HALF : NO_TYPE;
    if (to === NO_TYPE || to === width) return false;
    return setScalar(rd(r), convert(a, width, to, roundingMode()));
  }
  if (width === HALF) return false;
  switch (opcode) {
    case 0:
      return setScalar(rd(r), a);
    case 1:
      return setScalar(rd(r), absolute(a, width));
    case 2:
      return setScalar(rd(r), negate(a, width));
    case 3:
      return setScalar(rd(r), squareRoot(a, width));
    case 8:
    case 9:
    case 10:
    case 11:
      return setScalar(rd(r), roundToInteger(a, width, opcode & 3, false));
    case 12:
      return setScalar(rd(r), roundToInteger(a, width, TIES_AWAY, false));
    case 14:
    case 15:
      return setScalar(rd(r), roundToInteger(a, width, roundingMode(), opcode === 14));
    default:
      return false;
  }
}

function twoSources(r: usize, width: u32): boolean {
  const a = lane(rn(r), 0, width);
  const b = lane(rm(r), 0, width);
  switch (bits(word(r), 12, 4)) {
    case 0:
      return setScalar(rd(r), multiply(a, b, width, false));
    case 1:
      return setScalar(rd(r), divide(a, b, width));
    case 2:
      return setScalar(rd(r), add(a, b, width));
    case 3:
      return setScalar(rd(r), subtract(a, b, width));
    case 4:
      return setScalar(rd(r), extreme(a, b, width, false, false));
    case 5:
      return setScalar(rd(r), extreme(a, b, width, true, false));
    case 6:
      return setScalar(rd(r), extreme(a, b, width, false, true));
    case 7:
      return setScalar(rd(r), extreme(a, b, width, true, true));
    case 8:
      return setScalar(rd(r), negate(multiply(a, b, width, false), width));
    default:
      return false;
  }
}

/** FMADD, FMSUB, FNMADD, FNMSUB. */
function threeSources(r: usize, width: u32): boolean {
  const w = word(r);
  const negatesAll = bit(w, 21) !== 0;
  const negatesProduct = (bit(w, 15) !== 0) !== negatesAll;
  const a = lane(rn(r), 0, width);
  const addend = lane(bits(w, 10, 5), 0, width);
  return setScalar(
    rd(r),
    multiplyAdd(
      negatesAll ? negate(addend, width) : addend,
      negatesProduct ? negate(a, width) : a,
      lane(rm(r), 0, width),
      width,
      0,
    ),
  );
}

function comparison(r: usize, width: u32): boolean {
  const w = word(r);
  if (bits(w, 14, 2) !== 0 || bits(w, 0, 3) !== 0) return false;
  const b = bit(w, 3) !== 0 ? 0 : lane(rm(r), 0, width);
  setNzcv(compare(lane(rn(r), 0, width), b, width, bit(w, 4) !== 0));
  return true;
}

function conditionalComparison(r: usize, width: u32): boolean {
  const w = word(r);
  const holds = ((conditionMask(bits(w, 12, 4)) >> nzcv) & 1) !== 0;
  if (holds) setNzcv(compare(lane(rn(r), 0, width), lane(rm(r), 0, width), width, bit(w, 4) !== 0));
  else setNzcv(bits(w, 0, 4) as i32);
  return true;
}

/** A general register as a signed or unsigned number of its width. */
function general(register: u32, sf: boolean, unsigned: boolean): u64 {
  const value = getX(register);
  if (sf) return value;
  return unsigned ? value & 0xffff_ffff : (value as i32 as i64 as u64);
}

function setGeneral(register: u32, value: u64): boolean {
  setX(target(register), value);
  return true;
}

/** Conversions to and from integers, and FMOV between the register files. */
function integer(r: usize, width: u32): boolean {
  const w = word(r);
  const sf = bit(w, 31) !== 0;
  const mode = bits(w, 19, 2);
  const opcode = bits(w, 16, 3);
  if (opcode >= 6) return move(r, width, sf, mode, opcode === 7);
  if (width !== 2 && width !== 3) return false;
  const unsigned = (opcode & 1) !== 0;
  if (opcode >= 2 && mode !== 0) return false;
  if (opcode === 2 || opcode === 3) {
    return setScalar(rd(r), fromFixed(general(rn(r), sf, unsigned), width, unsigned, roundingMode(), 0));
  }
  const rounding = opcode >= 4 ? TIES_AWAY : mode;
  return setGeneral(rd(r), toFixed(lane(rn(r), 0, width), width, sf ? 3 : 2, unsigned, rounding, 0));
}

function move(r: usize, width: u32, sf: boolean, mode: u32, toVector: boolean): boolean {
  const upper = mode === 1;
  if (upper ? !sf || width !== NO_TYPE : mode !== 0 || width !== (sf ? 3 : 2)) return false;
  if (!toVector) return setGeneral(rd(r), upper ? lane(rn(r), 1, 3) : lane(rn(r), 0, width));
  const value = general(rn(r), sf, true);
  if (!upper) return setScalar(rd(r), value);
  store<u64>(register(rd(r)), value, 8);
  return true;
}

/** SCVTF, UCVTF, FCVTZS, FCVTZU with 64 - scale binary places. */
function fixedPoint(r: usize, width: u32): boolean {
  const w = word(r);
  const sf = bit(w, 31) !== 0;
  const scale = bits(w, 10, 6);
  const kind = bits(w, 16, 5);
  if (bit(w, 29) !== 0 || (!sf && scale < 32)) return false;
  const places = 64 - (scale as i32);
  const unsigned = (kind & 1) !== 0;
  if ((kind & 30) === 2) {
    return setScalar(rd(r), fromFixed(general(rn(r), sf, unsigned), width, unsigned, roundingMode(), places));
  }
  if ((kind & 30) !== 24) return false;
  return setGeneral(rd(r), toFixed(lane(rn(r), 0, width), width, sf ? 3 : 2, unsigned, TO_ZERO, places));
}
