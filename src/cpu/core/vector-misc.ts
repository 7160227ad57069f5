/** Advanced SIMD two-register miscellaneous (integer). */
import { reverseBits } from './integer';
import { addMixed, subtractSaturated } from './lane-arithmetic';
import {
  clearResult,
  commit,
  commitUpper,
  lane,
  saturateSigned,
  saturateToUnsigned,
  saturateUnsigned,
  setResult,
  signedLane,
  wideLane,
} from './lanes';
import { bit, bits, rd, rn, word } from './record';
import { floatingTwoMisc } from './vector-float';

const REV64: u32 = 0;
const REV16: u32 = 1;
const ADDLP: u32 = 2;
const SUQADD: u32 = 3;
const CLS: u32 = 4;
const CNT: u32 = 5;
const ADALP: u32 = 6;
const SQABS: u32 = 7;
const ABS: u32 = 11;
const XTN: u32 = 18;
const SHLL: u32 = 19;
const SQXTN: u32 = 20;

function reserved(opcode: u32, u: boolean, size: u32, q: boolean, scalar: boolean): boolean {
  if (scalar) {
    if (opcode === SUQADD || opcode === SQABS) return false;
    if (opcode >= 8 && opcode <= ABS) return size !== 3 || (opcode === 10 && u);
    return !(((opcode === XTN && u) || opcode === SQXTN) && size !== 3);
  }
  switch (opcode) {
    case REV64:
      return u ? size > 1 : size === 3;
    case REV16:
      return u || size !== 0;
    case ADDLP:
    case CLS:
    case ADALP:
      return size === 3;
    case CNT:
      return u ? size > 1 : size !== 0;
    case SUQADD:
    case SQABS:
    case 8:
    case 9:
    case ABS:
      return size === 3 && !q;
    case 10:
      return u || (size === 3 && !q);
    case XTN:
    case SQXTN:
      return size === 3;
    case SHLL:
      return !u || size === 3;
    default:
      return true;
  }
}

export function twoMisc(r: usize): boolean {
  const w = word(r);
  const opcode = bits(w, 12, 5);
  const u = bit(w, 29) !== 0;
  const scalar = bit(w, 28) !== 0;
  const q = bit(w, 30) !== 0;
  const size = bits(w, 22, 2);
  if ((opcode >= 12 && opcode <= 15) || opcode >= 22) return floatingTwoMisc(r);
  if (reserved(opcode, u, size, q, scalar)) return false;
  clearResult();
  if (opcode === XTN || opcode === SQXTN) return narrow(r, opcode, u, size, scalar, q);
  const lanes: u32 = scalar ? 1 : (q ? 16 : 8) >> size;
  if (opcode === SHLL) shiftLong(r, size, q);
  else if (opcode === ADDLP || opcode === ADALP) addPairs(r, opcode === ADALP, u, size, lanes);
  else if (opcode <= REV16) reverse(r, opcode === REV16 ? 1 : u ? 2 : 3, size, lanes);
  else if (opcode === CNT) count(r, u, size, q);
  else for (let i: u32 = 0; i < lanes; i++) setResult(i, size, operate(r, opcode, u, i, size));
  commit(rd(r));
  return true;
}

function truth(holds: boolean): u64 {
  return holds ? ~(0 as u64) : 0;
}

function operate(r: usize, opcode: u32, u: boolean, i: u32, size: u32): u64 {
  const a = signedLane(rn(r), i, size);
  switch (opcode) {
    case SUQADD:
      return addMixed(wideLane(rd(r), i, size, u), wideLane(rn(r), i, size, !u), size, u);
    case CLS: {
      const unused = (64 - (8 << size)) as u64;
      const raw = lane(rn(r), i, size) << unused;
      const width: u64 = 8 << size;
      if (u) return raw === 0 ? width : clz<u64>(raw);
      const changes = (raw ^ (raw << 1)) & ((~(0 as u64) << unused) << 1);
      return changes === 0 ? width - 1 : clz<u64>(changes);
    }
    case SQABS:
      return u || a < 0 ? subtractSaturated(0, a as u64, size, false) : (a as u64);
    case 8:
      return truth(u ? a >= 0 : a > 0);
    case 9:
      return truth(u ? a <= 0 : a === 0);
    case 10:
      return truth(a < 0);
    default:
      return (u || a < 0 ? -a : a) as u64;
  }
}

/** XTN, SQXTUN (U), SQXTN, UQXTN (U). */
function narrow(r: usize, opcode: u32, u: boolean, size: u32, scalar: boolean, q: boolean): boolean {
  const end: u32 = scalar ? 1 : 8 >> size;
  for (let i: u32 = 0; i < end; i++) {
    const a = signedLane(rn(r), i, size + 1);
    let value = a as u64;
    if (opcode === SQXTN)
      value = u ? saturateUnsigned(lane(rn(r), i, size + 1), size) : saturateSigned(a, size);
    else if (u) value = saturateToUnsigned(a, size);
    setResult(i, size, value);
  }
  if (q && !scalar) commitUpper(rd(r));
  else commit(rd(r));
  return true;
}

function shiftLong(r: usize, size: u32, q: boolean): void {
  const lanes: u32 = 8 >> size;
  for (let i: u32 = 0; i < lanes; i++) {
    setResult(i, size + 1, lane(rn(r), i + (q ? lanes : 0), size) << ((8 << size) as u64));
  }
}

function addPairs(r: usize, accumulates: boolean, u: boolean, size: u32, lanes: u32): void {
  for (let i: u32 = 0; i < lanes >> 1; i++) {
    const sum = wideLane(rn(r), i << 1, size, u) + wideLane(rn(r), (i << 1) + 1, size, u);
    setResult(i, size + 1, accumulates ? lane(rd(r), i, size + 1) + sum : sum);
  }
}

/** Elements in reverse order within containers of 2^container bytes. */
function reverse(r: usize, container: u32, size: u32, lanes: u32): void {
  const flip = ((1 as u32) << (container - size)) - 1;
  for (let i: u32 = 0; i < lanes; i++) setResult(i, size, lane(rn(r), i ^ flip, size));
}

/** CNT; NOT (U, size 0); RBIT (U, size 1): all of bytes. */
function count(r: usize, u: boolean, size: u32, q: boolean): void {
  const end: u32 = q ? 16 : 8;
  for (let i: u32 = 0; i < end; i++) {
    const value = lane(rn(r), i, 0);
    setResult(i, 0, !u ? popcnt<u64>(value) : size === 0 ? ~value : reverseBits(value) >> 56);
  }
}
