/** Operands of the operations in `step.ts`: registers and numbers of a record `r`, for the vCPU whose block is at `s`. */
import { nzcv } from './context';
import { abort, faulted } from './exceptions';
import { baseOf, NOWHERE, pairWritable, read32, read64, write32, write64 } from './memory';
import { i1, i2, ra, rn } from './record';

export const LOW: u64 = 0xffff_ffff;
/** Byte offset of X30. */
const LINK: usize = 240;

/** Value of Rn, Rm, Ra, and Rd as a source. @inline */
export function n64(s: usize, r: usize): u64 {
  return load<u64>(s + ((load<u8>(r, 7) as usize) << 3));
}
/** @inline */
export function n32(s: usize, r: usize): u32 {
  return load<u32>(s + ((load<u8>(r, 7) as usize) << 3));
}
/** @inline */
export function n32s(s: usize, r: usize): u64 {
  return n32(s, r) as i32 as i64 as u64;
}
/** @inline */
export function m64(s: usize, r: usize): u64 {
  return load<u64>(s + ((load<u8>(r, 8) as usize) << 3));
}
/** @inline */
export function m32(s: usize, r: usize): u32 {
  return load<u32>(s + ((load<u8>(r, 8) as usize) << 3));
}
/** @inline */
export function m32s(s: usize, r: usize): u64 {
  return m32(s, r) as i32 as i64 as u64;
}
/** @inline */
export function a64(s: usize, r: usize): u64 {
  return load<u64>(s + ((load<u8>(r, 9) as usize) << 3));
}
/** @inline */
export function a32(s: usize, r: usize): u32 {
  return load<u32>(s + ((load<u8>(r, 9) as usize) << 3));
}
/** @inline */
export function d64(s: usize, r: usize): u64 {
  return load<u64>(s + ((load<u8>(r, 6) as usize) << 3));
}
/** Rm shifted left. @inline */
export function ml64(s: usize, r: usize): u64 {
  return m64(s, r) << (i1(r) as u64);
}
/** @inline */
export function ml32(s: usize, r: usize): u32 {
  return m32(s, r) << (i1(r) as u32);
}
/** @inline */
export function ra64(r: usize): u64 {
  return ra(r) as u64;
}
/** @inline */
export function imm32(r: usize): u32 {
  return load<u32>(r, 8);
}

/** Writes Rd; the next instruction follows. @inline */
export function set(s: usize, r: usize, pc: u64, value: u64): u64 {
  store<u64>(s + ((load<u8>(r, 6) as usize) << 3), value);
  return pc + 4;
}
/** @inline */
export function setW(s: usize, r: usize, pc: u64, value: u32): u64 {
  store<u64>(s + ((load<u8>(r, 6) as usize) << 3), value as u64);
  return pc + 4;
}

/** @inline */
export function moveKeep(old: u64, width: u32, shift: i32, value: i32): u64 {
  const kept = old & ~((0xffff as u64) << (shift as u64));
  const moved = kept | ((value as u64) << (shift as u64));
  return width === 32 ? moved & LOW : moved;
}

/** @inline */
export function extract64(high: u64, low: u64, lsb: u64): u64 {
  return lsb === 0 ? low : (low >> lsb) | (high << (64 - lsb));
}
/** @inline */
export function extract32(high: u32, low: u32, lsb: i32): u32 {
  return ((((high as u64) << 32) | (low as u64)) >> (lsb as u64)) as u32;
}

/** Whether the condition of a record holds. @inline */
export function holds(r: usize): boolean {
  return ((i1(r) >> nzcv) & 1) !== 0;
}

/** @inline */
export function branchIf(taken: boolean, r: usize, pc: u64): u64 {
  return taken ? pc + (i2(r) as i64 as u64) : pc + 4;
}
/** @inline */
export function link(s: usize, pc: u64, to: u64): u64 {
  store<u64>(s + LINK, pc + 4);
  return to;
}

/** @inline */
export function sign8(value: u64): u64 {
  return value as i8 as i64 as u64;
}
/** @inline */
export function sign16(value: u64): u64 {
  return value as i16 as i64 as u64;
}
/** @inline */
export function sign32(value: u64): u64 {
  return value as i32 as i64 as u64;
}

/** ExtendReg of Rm's value: UXTB 0, UXTH 1, UXTW 2, UXTX 3, SXTB 4, SXTH 5, SXTW 6, SXTX 7. */
export function extend(value: u64, option: i32): u64 {
  switch (option) {
    case 0:
      return value & 0xff;
    case 1:
      return value & 0xffff;
    case 2:
      return value & LOW;
    case 4:
      return sign8(value);
    case 5:
      return sign16(value);
    case 6:
      return sign32(value);
    default:
      return value;
  }
}

/** @inline */
export function address(r: usize): u64 {
  return baseOf(rn(r)) + (i1(r) as i64 as u64);
}

/** @inline */
export function indexed(s: usize, r: usize): u64 {
  const base = baseOf(rn(r));
  if (faulted !== 0) return NOWHERE;
  const option = i1(r);
  const value = (option & 7) === 3 ? m64(s, r) : extend(m64(s, r), option & 7);
  return base + (value << ((option >> 3) as u64));
}

/** Rw := base + offset, where Rw is a sink unless the base register is written back. @inline */
export function writeBack(s: usize, r: usize, base: u64): void {
  store<u64>(s + ((load<u8>(r, 9) as usize) << 3), base + (i2(r) as i64 as u64));
}

/** Ends a load: writes Rd and the base register unless the load faulted. If they are the same, the base wins. @inline */
export function loaded(s: usize, r: usize, pc: u64, value: u64): u64 {
  if (faulted !== 0) return abort(pc);
  const base = n64(s, r);
  set(s, r, pc, value);
  writeBack(s, r, base);
  return pc + 4;
}
/** @inline */
export function indexLoaded(s: usize, r: usize, pc: u64, value: u64): u64 {
  return faulted !== 0 ? abort(pc) : set(s, r, pc, value);
}
/** @inline */
export function stored(s: usize, r: usize, pc: u64, done: boolean): u64 {
  if (!done) return abort(pc);
  writeBack(s, r, n64(s, r));
  return pc + 4;
}
/** @inline */
export function indexStored(pc: u64, done: boolean): u64 {
  return done ? pc + 4 : abort(pc);
}

/** @inline */
function pairLoaded(s: usize, r: usize, pc: u64, first: u64, second: u64): u64 {
  if (faulted !== 0) return abort(pc);
  const base = n64(s, r);
  store<u64>(s + ((load<u8>(r, 8) as usize) << 3), second);
  set(s, r, pc, first);
  writeBack(s, r, base);
  return pc + 4;
}
/** @inline */
export function loadPair64(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  return pairLoaded(s, r, pc, read64(at, slice), read64(at + 8, slice));
}
/** @inline */
export function loadPair32(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  return pairLoaded(s, r, pc, read32(at, slice), read32(at + 4, slice));
}
/** @inline */
export function storePair64(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  if (!pairWritable(at, 8)) return abort(pc);
  write64(at, d64(s, r), slice);
  return stored(s, r, pc, write64(at + 8, m64(s, r), slice));
}
/** @inline */
export function storePair32(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  if (!pairWritable(at, 4)) return abort(pc);
  write32(at, d64(s, r), slice);
  return stored(s, r, pc, write32(at + 4, m64(s, r), slice));
}
