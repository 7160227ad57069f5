/** Elements of SIMD registers. A result is built in a scratch register, so that sources may be the target. */
import { FPSR, SCRATCH, V } from './block';
import { block } from './context';

const QC: u32 = 1 << 27;

/** Address of a register. @inline */
export function register(v: u32): usize {
  return block + V + ((v as usize) << 4);
}

/** Element `index` of 2^scale bytes, unsigned. */
export function lane(v: u32, index: u32, scale: u32): u64 {
  return laneAt(register(v), index, scale);
}

export function laneAt(from: usize, index: u32, scale: u32): u64 {
  const at = from + ((index as usize) << (scale as usize));
  if (scale === 0) return load<u8>(at);
  if (scale === 1) return load<u16>(at);
  if (scale === 2) return load<u32>(at);
  return load<u64>(at);
}

export function signedLane(v: u32, index: u32, scale: u32): i64 {
  return signExtend(lane(v, index, scale), scale);
}

export function signExtend(value: u64, scale: u32): i64 {
  const unused = (64 - (8 << scale)) as i64;
  return ((value as i64) << unused) >> unused;
}

/** Zero- or sign-extended to 64 bits. */
export function wideLane(v: u32, index: u32, scale: u32, unsigned: boolean): u64 {
  const value = lane(v, index, scale);
  return unsigned ? value : (signExtend(value, scale) as u64);
}

/** All ones in 2^scale bytes. */
export function laneMask(scale: u32): u64 {
  return scale >= 3 ? ~(0 as u64) : ((1 as u64) << ((8 << scale) as u64)) - 1;
}

export function clearResult(): void {
  store<u64>(block, 0, SCRATCH);
  store<u64>(block, 0, SCRATCH + 8);
}

export function setResult(index: u32, scale: u32, value: u64): void {
  setLaneAt(block + SCRATCH, index, scale, value);
}

export function setLaneAt(to: usize, index: u32, scale: u32, value: u64): void {
  const at = to + ((index as usize) << (scale as usize));
  if (scale === 0) store<u8>(at, value as u8);
  else if (scale === 1) store<u16>(at, value as u16);
  else if (scale === 2) store<u32>(at, value as u32);
  else store<u64>(at, value);
}

/** Puts the result into a register. */
export function commit(v: u32): void {
  store<u64>(register(v), load<u64>(block, SCRATCH));
  store<u64>(register(v), load<u64>(block, SCRATCH + 8), 8);
}

/** Keeps the lower half of a register, with the result as its upper half: of the "2" forms that narrow. */
export function commitUpper(v: u32): void {
  store<u64>(register(v), load<u64>(block, SCRATCH), 8);
}

export function saturated(): void {
  store<u32>(block, load<u32>(block, FPSR) | QC, FPSR);
}

/** Saturates a number that is exact in 64 bits to 2^scale bytes, less than 8. */
export function saturateSigned(value: i64, scale: u32): u64 {
  if (scale === 3) return value as u64;
  const limit = ((1 as i64) << (((8 << scale) - 1) as i64)) - 1;
  if (value > limit) {
    saturated();
    return limit as u64;
  }
  if (value < ~limit) {
    saturated();
    return ~limit as u64;
  }
  return value as u64;
}

/** As above; the number is signed, the result is not. */
export function saturateToUnsigned(value: i64, scale: u32): u64 {
  if (value < 0) {
    saturated();
    return 0;
  }
  if (scale < 3 && (value as u64) > laneMask(scale)) {
    saturated();
    return laneMask(scale);
  }
  return value as u64;
}

export function saturateUnsigned(value: u64, scale: u32): u64 {
  if (value <= laneMask(scale)) return value;
  saturated();
  return laneMask(scale);
}
