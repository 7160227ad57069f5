/** Advanced SIMD shift by immediate (integer). */
import { shiftLeftSaturated, shiftLeftToUnsigned, shiftRight } from './lane-arithmetic';
import {
  clearResult,
  commit,
  commitUpper,
  lane,
  laneMask,
  saturateSigned,
  saturateToUnsigned,
  saturateUnsigned,
  setResult,
  wideLane,
} from './lanes';
import { bit, bits, rd, rn, word } from './record';
import { floatingShift } from './vector-float';

/** immh:immb has the size in its highest set bit: width * 2 - amount for right shifts, width + amount for left ones. */
export function shiftImmediate(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 11, 5);
  const u = bit(w, 29) !== 0;
  const scalar = bit(w, 28) !== 0;
  const q = bit(w, 30) !== 0;
  const immediate = bits(w, 16, 7);
  const size: u32 = 31 - clz<u32>(immediate >> 3);
  const width: u32 = 8 << size;
  if (opcode >= 28) return floatingShift(r);
  const right = width * 2 - immediate;
  const left = immediate - width;
  clearResult();
  if (opcode >= 16 && opcode < 20) return size < 3 && narrow(r, opcode, u, size, right, scalar, q);
  if (opcode === 20) return size < 3 && !scalar && long(r, u, size, left, q);
  if ((opcode & 1) !== 0 || opcode > 14) return false;
  // Scalar forms shift 64 bits, but for the saturating ones.
  if (scalar && opcode < 12 && size !== 3) return false;
  if (!scalar && size === 3 && !q) return false;
  if ((opcode === 8 || opcode === 12) && !u) return false;
  const end: u32 = scalar ? 1 : (q ? 16 : 8) >> size;
  for (let i: u32 = 0; i < end; i++) {
    const a = wideLane(rn(r), i, size, u);
    setResult(i, size, operate(opcode, u, a, lane(rd(r), i, size), size, right as u64, left));
  }
  commit(rd(r));
  return true;
}

function operate(opcode: u32, u: boolean, a: u64, old: u64, size: u32, right: u64, left: u32): u64 {
  switch (opcode) {
    case 0:
      return shiftRight(a, right, u, false);
    case 2:
      return old + shiftRight(a, right, u, false);
    case 4:
      return shiftRight(a, right, u, true);
    case 6:
      return old + shiftRight(a, right, u, true);
    case 8: {
      const moved = right >= 64 ? 0 : laneMask(size) >> right;
      return (old & ~moved) | ((right >= 64 ? 0 : a >> right) & moved);
    }
    case 10: {
      const moved = laneMask(size) << (left as u64);
      return u ? (old & ~moved) | (a << (left as u64)) : a << (left as u64);
    }
    case 12:
      return shiftLeftToUnsigned(signed(a, size), left, size);
    default:
      return shiftLeftSaturated(a, left, size, u);
  }
}

function signed(a: u64, size: u32): u64 {
  const unused = (64 - (8 << size)) as i64;
  return (((a as i64) << unused) >> unused) as u64;
}

/** SHRN, RSHRN, SQSHRUN, SQRSHRUN, SQSHRN, SQRSHRN, UQSHRN, UQRSHRN: 16 to 19, odd ones round. */
function narrow(
  r: usize,
  opcode: u32,
  u: boolean,
  size: u32,
  right: u32,
  scalar: boolean,
  q: boolean,
): boolean {
  const saturates = opcode >= 18 || u;
  if (scalar && !saturates) return false;
  const unsigned = opcode >= 18 && u;
  const end: u32 = scalar ? 1 : 8 >> size;
  for (let i: u32 = 0; i < end; i++) {
    const a = wideLane(rn(r), i, size + 1, unsigned);
    const moved = shiftRight(a, right as u64, unsigned, (opcode & 1) !== 0);
    let value = moved;
    if (unsigned) value = saturateUnsigned(moved, size);
    else if (opcode >= 18) value = saturateSigned(moved as i64, size);
    else if (u) value = saturateToUnsigned(moved as i64, size);
    setResult(i, size, value);
  }
  if (q && !scalar) commitUpper(rd(r));
  else commit(rd(r));
  return true;
}

function long(r: usize, u: boolean, size: u32, left: u32, q: boolean): boolean {
  const lanes: u32 = 8 >> size;
  for (let i: u32 = 0; i < lanes; i++) {
    setResult(i, size + 1, wideLane(rn(r), i + (q ? lanes : 0), size, u) << (left as u64));
  }
  commit(rd(r));
  return true;
}
