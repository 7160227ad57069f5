/** Advanced SIMD copy, extract, table lookup, permute, modified immediate. */
import { getX, setX } from './context';
import { expandFloat32, expandFloat64 } from './float-immediate';
import { clearResult, commit, lane, register, setLaneAt, setResult, signedLane } from './lanes';
import { bit, bits, rd, rm, rn, target, word } from './record';

/** DUP, SMOV, UMOV, INS. imm5 has the size as its lowest set bit, and the index above. */
export function copy(r: usize): boolean {
  const w = word(r);
  const imm5 = bits(w, 16, 5);
  const imm4 = bits(w, 11, 4);
  const q = bit(w, 30) !== 0;
  const size = ctz<u32>(imm5 | 32);
  if (size > 3) return false;
  const index = imm5 >> (size + 1);
  if (bit(w, 28) !== 0)
    return bit(w, 29) === 0 && imm4 === 0 && duplicate(r, lane(rn(r), index, size), size, 1);
  if (bit(w, 29) !== 0) {
    if (!q) return false;
    setLaneAt(register(rd(r)), index, size, lane(rn(r), imm4 >> size, size));
    return true;
  }
  const lanes: u32 = (q ? 16 : 8) >> size;
  switch (imm4) {
    case 0:
      return !(size === 3 && !q) && duplicate(r, lane(rn(r), index, size), size, lanes);
    case 1:
      return !(size === 3 && !q) && duplicate(r, getX(rn(r)), size, lanes);
    case 3:
      if (!q) return false;
      setLaneAt(register(rd(r)), index, size, getX(rn(r)));
      return true;
    case 5: {
      if (size === 3 || (size === 2 && !q)) return false;
      const value = signedLane(rn(r), index, size) as u64;
      setX(target(rd(r)), q ? value : value & 0xffff_ffff);
      return true;
    }
    case 7:
      if (q !== (size === 3)) return false;
      setX(target(rd(r)), lane(rn(r), index, size));
      return true;
    default:
      return false;
  }
}

function duplicate(r: usize, value: u64, size: u32, lanes: u32): boolean {
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) setResult(i, size, value);
  commit(rd(r));
  return true;
}

/** EXT: bytes from the middle of Rm:Rn. */
export function extractBytes(r: usize): boolean {
  const w = word(r);
  const bytes: u32 = bit(w, 30) !== 0 ? 16 : 8;
  const from = bits(w, 11, 4);
  if (from >= bytes) return false;
  clearResult();
  for (let i: u32 = 0; i < bytes; i++) {
    const at = from + i;
    setResult(i, 0, at < bytes ? lane(rn(r), at, 0) : lane(rm(r), at - bytes, 0));
  }
  commit(rd(r));
  return true;
}

/** TBL and TBX: bytes of a table of one to four registers. Outside the table, TBL gives zero and TBX keeps the byte. */
export function lookUp(r: usize): boolean {
  const w = word(r);
  const limit = (bits(w, 13, 2) + 1) << 4;
  const keeps = bit(w, 12) !== 0;
  clearResult();
  const end: u32 = bit(w, 30) !== 0 ? 16 : 8;
  for (let i: u32 = 0; i < end; i++) {
    const index = lane(rm(r), i, 0) as u32;
    if (index < limit) setResult(i, 0, lane((rn(r) + (index >> 4)) & 31, index & 15, 0));
    else if (keeps) setResult(i, 0, lane(rd(r), i, 0));
  }
  commit(rd(r));
  return true;
}

/** UZP1, TRN1, ZIP1, UZP2, TRN2, ZIP2. */
export function permute(r: usize): boolean {
  const w = word(r);
  const size = bits(w, 22, 2);
  const q = bit(w, 30) !== 0;
  const opcode = bits(w, 12, 3);
  if ((size === 3 && !q) || (opcode & 3) === 0) return false;
  const second = opcode >> 2;
  const lanes: u32 = (q ? 16 : 8) >> size;
  const half = lanes >> 1;
  clearResult();
  for (let i: u32 = 0; i < lanes; i++) {
    let v = rn(r);
    let at: u32 = 0;
    if ((opcode & 3) === 1) {
      at = (i << 1) + second;
      if (at >= lanes) {
        at -= lanes;
        v = rm(r);
      }
    } else {
      if ((i & 1) !== 0) v = rm(r);
      at = (opcode & 3) === 2 ? (i & ~1) + second : (i >> 1) + second * half;
    }
    setResult(i, size, lane(v, at, size));
  }
  commit(rd(r));
  return true;
}

/** MOVI, MVNI, ORR, BIC, FMOV: AdvSIMDExpandImm. */
export function modifiedImmediate(r: usize): boolean {
  const w = word(r);
  const q = bit(w, 30) !== 0;
  const op = bit(w, 29) !== 0;
  const cmode = bits(w, 12, 4);
  if (bit(w, 11) !== 0) return false;
  const imm8 = ((bits(w, 16, 3) << 5) | bits(w, 5, 5)) as u64;
  let value: u64 = 0;
  if (cmode < 8) value = (imm8 << (((cmode >> 1) << 3) as u64)) * 0x1_0000_0001;
  else if (cmode < 12) value = (imm8 << ((((cmode >> 1) & 1) << 3) as u64)) * 0x0001_0001_0001_0001;
  else if (cmode === 12) value = ((imm8 << 8) | 0xff) * 0x1_0000_0001;
  else if (cmode === 13) value = ((imm8 << 16) | 0xffff) * 0x1_0000_0001;
  else if (cmode === 14) value = op ? spread(imm8) : imm8 * 0x0101_0101_0101_0101;
  else if (!op) value = expandFloat32(imm8 as u32) * 0x1_0000_0001;
  else if (q) value = expandFloat64(imm8 as u32);
  else return false;
  // Odd modes below 12 are ORR and BIC; MVNI inverts, as BIC does.
  const combines = cmode < 12 && (cmode & 1) !== 0;
  if (op && cmode < 14) value = ~value;
  clearResult();
  const end: u32 = q ? 2 : 1;
  for (let i: u32 = 0; i < end; i++) {
    const old = lane(rd(r), i, 3);
    setResult(i, 3, !combines ? value : op ? old & value : old | value);
  }
  commit(rd(r));
  return true;
}

/** Each bit becomes a byte. */
function spread(imm8: u64): u64 {
  let value: u64 = 0;
  for (let i: u64 = 0; i < 8; i++) if (((imm8 >> i) & 1) !== 0) value |= (0xff as u64) << (i << 3);
  return value;
}
