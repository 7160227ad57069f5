import { setNzcv } from './context';

/** a + b, with the flags. @inline */
export function adds64(a: u64, b: u64): u64 {
  const r = a + b;
  const v = ((a ^ r) & (b ^ r)) >> 63;
  setNzcv((((r >> 63) << 3) as i32) | (((r === 0) as i32) << 2) | (((r < a) as i32) << 1) | (v as i32));
  return r;
}

/** @inline */
export function subs64(a: u64, b: u64): u64 {
  const r = a - b;
  const v = ((a ^ b) & (a ^ r)) >> 63;
  setNzcv((((r >> 63) << 3) as i32) | (((r === 0) as i32) << 2) | (((a >= b) as i32) << 1) | (v as i32));
  return r;
}

/** @inline */
export function adds32(a: u32, b: u32): u32 {
  const r = a + b;
  const v = ((a ^ r) & (b ^ r)) >> 31;
  setNzcv((((r >> 31) << 3) as i32) | (((r === 0) as i32) << 2) | (((r < a) as i32) << 1) | (v as i32));
  return r;
}

/** @inline */
export function subs32(a: u32, b: u32): u32 {
  const r = a - b;
  const v = ((a ^ b) & (a ^ r)) >> 31;
  setNzcv((((r >> 31) << 3) as i32) | (((r === 0) as i32) << 2) | (((a >= b) as i32) << 1) | (v as i32));
  return r;
}

/** N and Z of a logical result; C and V are cleared. @inline */
export function logical64(r: u64): u64 {
  setNzcv((((r >> 63) << 3) as i32) | (((r === 0) as i32) << 2));
  return r;
}

/** @inline */
export function logical32(r: u32): u32 {
  setNzcv((((r >> 31) << 3) as i32) | (((r === 0) as i32) << 2));
  return r;
}
