/**
 * IEEE 754 numbers unpacked into and rounded from integers, because WebAssembly's arithmetic has neither the architecture's
 * rounding modes nor its exception flags. A width is log2 of the bytes: 1 half, 2 single, 3 double.
 * @see Arm DDI 0487, shared/functions/float: FPUnpack, FPRound, FPProcessNaN
 */
import { FPCR, FPSR } from './block';
import { block } from './context';

/** Cumulative exception bits of FPSR. */
export const IOC: u32 = 1;
export const DZC: u32 = 2;
export const OFC: u32 = 4;
export const UFC: u32 = 8;
export const IXC: u32 = 16;
const IDC: u32 = 128;

/** Rounding modes: FPCR.RMode's four, ties away from zero, and to odd. */
export const NEAREST: u32 = 0;
export const UP: u32 = 1;
export const DOWN: u32 = 2;
export const TO_ZERO: u32 = 3;
export const TIES_AWAY: u32 = 4;
export const TO_ODD: u32 = 5;

export const ZERO: i32 = 0;
export const FINITE: i32 = 1;
export const INFINITE: i32 = 2;
export const QUIET: i32 = 3;
export const SIGNALLING: i32 = 4;

export function raise(flags: u32): void {
  store<u32>(block, load<u32>(block, FPSR) | flags, FPSR);
}

export function roundingMode(): u32 {
  return (load<u32>(block, FPCR) >> 22) & 3;
}
export function flushesToZero(): boolean {
  return ((load<u32>(block, FPCR) >> 24) & 1) !== 0;
}
export function usesDefaultNaN(): boolean {
  return ((load<u32>(block, FPCR) >> 25) & 1) !== 0;
}
export function alternativeHalf(): boolean {
  return ((load<u32>(block, FPCR) >> 26) & 1) !== 0;
}

export function fractionBits(width: u32): u64 {
  return width === 3 ? 52 : width === 2 ? 23 : 10;
}
function exponentMask(width: u32): u64 {
  return width === 3 ? 0x7ff : width === 2 ? 0xff : 0x1f;
}
export function biasOf(width: u32): i32 {
  return width === 3 ? 1023 : width === 2 ? 127 : 15;
}
export function signBit(width: u32): u64 {
  return (1 as u64) << (((8 << width) - 1) as u64);
}

export function infinity(sign: u64, width: u32): u64 {
  return (sign !== 0 ? signBit(width) : 0) | (exponentMask(width) << fractionBits(width));
}
export function zero(sign: u64, width: u32): u64 {
  return sign !== 0 ? signBit(width) : 0;
}
export function largest(sign: u64, width: u32): u64 {
  return infinity(sign, width) - 1;
}
export function defaultNaN(width: u32): u64 {
  return infinity(0, width) | ((1 as u64) << (fractionBits(width) - 1));
}

/** Result of the last `unpack`: (-1)^sign * significand * 2^(exponent - 63), bit 63 of a finite significand set. */
export let kind: i32 = 0;
export let sign: u64 = 0;
export let exponent: i32 = 0;
export let significand: u64 = 0;

/** Unpacks a number. FPCR.FZ flushes a denormal to zero, except in half precision. */
export function unpack(value: u64, width: u32): void {
  const bits = fractionBits(width);
  const biased = (value >> bits) & exponentMask(width);
  const fraction = value & (((1 as u64) << bits) - 1);
  sign = (value & signBit(width)) !== 0 ? 1 : 0;
  exponent = (biased as i32) - biasOf(width);
  if (biased === 0) {
    kind = ZERO;
    if (fraction === 0) return;
    if (width !== 1 && flushesToZero()) {
      raise(IDC);
      return;
    }
    kind = FINITE;
    const raw = fraction << (63 - bits);
    const shift = clz<u64>(raw);
    significand = raw << shift;
    exponent = 1 - biasOf(width) - (shift as i32);
    return;
  }
  if (biased === exponentMask(width) && !(width === 1 && alternativeHalf())) {
    kind = fraction === 0 ? INFINITE : fraction >> (bits - 1) !== 0 ? QUIET : SIGNALLING;
    significand = fraction;
    return;
  }
  kind = FINITE;
  significand = ((1 as u64) << 63) | (fraction << (63 - bits));
}

/** The result for a NaN operand: the operand made quiet, or the default NaN. */
export function processNaN(value: u64, width: u32, signalling: boolean): u64 {
  if (signalling) raise(IOC);
  if (usesDefaultNaN()) return defaultNaN(width);
  return value | ((1 as u64) << (fractionBits(width) - 1));
}

export function invalid(width: u32): u64 {
  raise(IOC);
  return defaultNaN(width);
}

/** Whether to round away from zero. @param rest - the discarded part: 0 none, 1 below, 2 at, 3 above the middle */
export function roundsUp(mode: u32, negative: u64, odd: boolean, rest: i32): boolean {
  switch (mode) {
    case 0:
      return rest === 3 || (rest === 2 && odd);
    case 1:
      return rest !== 0 && negative === 0;
    case 2:
      return rest !== 0 && negative !== 0;
    case 4:
      return rest >= 2;
    default:
      return false;
  }
}

/** The `rest` for `roundsUp` of `value` shifted right. @param shift - 1 or more */
export function restOf(value: u64, shift: i32): i32 {
  if (shift > 64) return value !== 0 ? 1 : 0;
  const rest = shift === 64 ? value : value & (((1 as u64) << (shift as u64)) - 1);
  const middle = (1 as u64) << ((shift - 1) as u64);
  return rest === 0 ? 0 : rest < middle ? 1 : rest === middle ? 2 : 3;
}

/** FPRound: rounds a significand with bit 63 set, whose lowest bit is sticky, to a number. */
export function round(negative: u64, power: i32, digits: u64, width: u32, mode: u32): u64 {
  const bits = fractionBits(width);
  const bias = biasOf(width);
  const signed = zero(negative, width);
  if (width !== 1 && flushesToZero() && power < 1 - bias) {
    raise(UFC);
    return signed;
  }
  let biased = power + bias;
  let shift = (63 - bits) as i32;
  if (biased <= 0) {
    shift += 1 - biased;
    biased = 0;
  }
  let whole = shift >= 64 ? 0 : digits >> (shift as u64);
  const rest = restOf(digits, shift);
  if (biased === 0 && rest !== 0) raise(UFC);
  if (roundsUp(mode, negative, (whole & 1) !== 0, rest)) whole++;
  else if (mode === TO_ODD && rest !== 0) whole |= 1;
  // A carry out of the fraction increments the exponent.
  const result = (((biased === 0 ? 0 : biased - 1) as u64) << bits) + whole;
  if (width === 1 && alternativeHalf()) {
    if (result > 0x7fff) {
      raise(IOC);
      return signed | 0x7fff;
    }
  } else if (result >> bits >= exponentMask(width)) {
    raise(OFC | IXC);
    const toInfinity =
      mode === NEAREST ||
      mode === TIES_AWAY ||
      (mode === UP && negative === 0) ||
      (mode === DOWN && negative !== 0);
    return toInfinity ? infinity(negative, width) : largest(negative, width);
  }
  if (rest !== 0) raise(IXC);
  return signed | result;
}
