/**
 * A decoded instruction, 16 bytes: the word at 0, operation at 4, slots of Rd and Rn at 6 and 7, then either a 64-bit
 * immediate at 8, or: slot of Rm at 8, slot of Ra (or a small number) at 9, a 16-bit number at 10, a 32-bit one at 12.
 */

/** @inline */
export function bits(word: u32, low: u32, width: u32): u32 {
  return (word >> low) & ((1 << width) - 1);
}

/** @inline */
export function bit(word: u32, at: u32): u32 {
  return (word >> at) & 1;
}

export function signed(value: u32, width: u32): i32 {
  return ((value << (32 - width)) as i32) >> ((32 - width) as i32);
}

/** Slot of a written register: for 31, XZR, the sink. A read register's slot is its number: slot 31 reads as zero. */
export function target(register: u32): u32 {
  return register === 31 ? 32 : register;
}

/** Slot of a register where 31 is SP. */
export function stack(register: u32): u32 {
  return register === 31 ? 33 : register;
}

export function put(r: usize, op: i32, rd: u32, rn: u32): void {
  store<u16>(r, op as u16, 4);
  store<u8>(r, rd as u8, 6);
  store<u8>(r, rn as u8, 7);
}

export function putImmediate(r: usize, value: u64): void {
  store<u64>(r, value, 8);
}

export function putMore(r: usize, rm: u32, ra: u32, i1: i32, i2: i32): void {
  store<u8>(r, rm as u8, 8);
  store<u8>(r, ra as u8, 9);
  store<i16>(r, i1 as i16, 10);
  store<i32>(r, i2, 12);
}

export function undefinedRecord(r: usize): void {
  put(r, 0, 32, 31);
}

/** @inline */
export function rd(r: usize): u32 {
  return load<u8>(r, 6);
}
/** @inline */
export function rn(r: usize): u32 {
  return load<u8>(r, 7);
}
/** @inline */
export function rm(r: usize): u32 {
  return load<u8>(r, 8);
}
/** @inline */
export function ra(r: usize): u32 {
  return load<u8>(r, 9);
}
/** @inline */
export function i1(r: usize): i32 {
  return load<i16>(r, 10);
}
/** @inline */
export function i2(r: usize): i32 {
  return load<i32>(r, 12);
}
/** @inline */
export function imm64(r: usize): u64 {
  return load<u64>(r, 8);
}
/** @inline */
export function word(r: usize): u32 {
  return load<u32>(r);
}
