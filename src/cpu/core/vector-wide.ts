/** Advanced SIMD three different, and by element: operations that widen or narrow. */
import {
  absoluteDifference,
  addSaturated,
  doubleHigh,
  doubleLong,
  polynomial,
  subtractSaturated,
} from './lane-arithmetic';
import { clearResult, commit, commitUpper, lane, setResult, signedLane, wideLane } from './lanes';
import { bit, bits, rd, rm, rn, word } from './record';
import { floatingIndexed } from './vector-float';

export function threeDifferent(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 4);
  const u = bit(w, 29) !== 0;
  const scalar = bit(w, 28) !== 0;
  const upper = bit(w, 30);
  const size = bits(w, 22, 2);
  const doubles = opcode === 9 || opcode === 11 || opcode === 13;
  if (size === 3 || opcode === 15) return false;
  if (doubles && (u || size === 0)) return false;
  if (opcode === 14 && (u || size !== 0)) return false;
  if (scalar && !doubles) return false;
  if (opcode === 4 || opcode === 6) return narrowing(r, opcode === 6, u, size, upper);
  const lanes: u32 = scalar ? 1 : 8 >> size;
  const first: u32 = scalar ? 0 : lanes * upper;
  const wide = opcode === 1 || opcode === 3;
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    const a = wide ? wideLane(rn(r), i, size + 1, u) : wideLane(rn(r), first + i, size, u);
    const b = wideLane(rm(r), first + i, size, u);
    setResult(i, size + 1, widened(opcode, u, a, b, wideLane(rd(r), i, size + 1, false), size));
  }
  commit(rd(r));
  return true;
}

/** @param old - the accumulator, of twice the size, sign-extended */
function widened(opcode: u32, u: boolean, a: u64, b: u64, old: u64, size: u32): u64 {
  switch (opcode) {
    case 0:
    case 1:
      return a + b;
    case 2:
    case 3:
      return a - b;
    case 5:
      return old + absoluteDifference(a, b, u);
    case 7:
      return absoluteDifference(a, b, u);
    case 8:
      return old + a * b;
    case 9:
      return addSaturated(old, doubleLong(a as i64, b as i64, size), size + 1, false);
    case 10:
      return old - a * b;
    case 11:
      return subtractSaturated(old, doubleLong(a as i64, b as i64, size), size + 1, false);
    case 12:
      return a * b;
    case 13:
      return doubleLong(a as i64, b as i64, size);
    default:
      return polynomial(a, b);
  }
}

/** ADDHN, SUBHN and their rounding forms: the upper halves of sums. */
function narrowing(r: usize, subtracts: boolean, rounds: boolean, size: u32, upper: u32): boolean {
  const width = (8 << size) as u64;
  const rounding: u64 = rounds ? (1 as u64) << (width - 1) : 0;
  clearResult();
  for (let i: u32 = 0; i < 8 >> size; i++) {
    const a = lane(rn(r), i, size + 1);
    const b = lane(rm(r), i, size + 1);
    setResult(i, size, ((subtracts ? a - b : a + b) + rounding) >> width);
  }
  if (upper !== 0) commitUpper(rd(r));
  else commit(rd(r));
  return true;
}

export function byElement(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 4);
  const u = bit(w, 29) !== 0;
  const scalar = bit(w, 28) !== 0;
  const q = bit(w, 30);
  const size = bits(w, 22, 2);
  if (opcode === 1 || opcode === 5 || opcode === 9) return floatingIndexed(r);
  if (size === 0 || size === 3 || !exists(opcode, u, scalar)) return false;
  // 16-bit elements come from V0 to V15 with three bits of index, 32-bit ones from all with two.
  const h = bit(w, 11);
  const index = size === 1 ? (h << 2) | (bit(w, 21) << 1) | bit(w, 20) : (h << 1) | bit(w, 21);
  const from = size === 1 ? rm(r) & 15 : rm(r);
  const long = opcode === 2 || opcode === 3 || opcode === 6 || opcode === 7 || opcode === 10 || opcode === 11;
  const b = wideLane(from, index, size, u && long);
  const lanes: u32 = scalar ? 1 : long ? 8 >> size : (q !== 0 ? 16 : 8) >> size;
  const first: u32 = long && !scalar ? lanes * q : 0;
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    if (long) {
      const a = wideLane(rn(r), first + i, size, u);
      setResult(
        i,
        size + 1,
        widened(8 + ((opcode >> 2) << 1) + (opcode & 1), u, a, b, wideLane(rd(r), i, size + 1, false), size),
      );
    } else {
      const a = signedLane(rn(r), i, size);
      setResult(i, size, plain(opcode, a, b as i64, lane(rd(r), i, size), size));
    }
  }
  commit(rd(r));
  return true;
}

/** MLA 0, MLS 4, MUL 8, SQDMULH 12, SQRDMULH 13. */
function plain(opcode: u32, a: i64, b: i64, old: u64, size: u32): u64 {
  if (opcode === 0) return old + ((a * b) as u64);
  if (opcode === 4) return old - ((a * b) as u64);
  if (opcode === 8) return (a * b) as u64;
  return doubleHigh(a, b, size, opcode === 13);
}

function exists(opcode: u32, u: boolean, scalar: boolean): boolean {
  switch (opcode) {
    case 0:
    case 4:
      return u && !scalar;
    case 8:
      return !u && !scalar;
    case 2:
    case 6:
    case 10:
      return !scalar;
    case 3:
    case 7:
    case 11:
    case 12:
    case 13:
      return !u;
    default:
      return false;
  }
}
