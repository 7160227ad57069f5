/** FPConvert, FPToFixed, FixedToFP, FPRoundInt. */
import {
  alternativeHalf,
  defaultNaN,
  exponent,
  fractionBits,
  INFINITE,
  IOC,
  IXC,
  infinity,
  kind,
  processNaN,
  QUIET,
  raise,
  restOf,
  round,
  roundsUp,
  SIGNALLING,
  sign,
  significand,
  unpack,
  usesDefaultNaN,
  ZERO,
  zero,
} from './float-number';

export function convert(value: u64, from: u32, to: u32, mode: u32): u64 {
  unpack(value, from);
  const alternative = to === 1 && alternativeHalf();
  if (kind >= QUIET) {
    if (kind === SIGNALLING || alternative) raise(IOC);
    if (alternative) return zero(sign, to);
    if (usesDefaultNaN()) return defaultNaN(to);
    // The upper bits of the fraction are kept.
    const aligned = significand << (63 - fractionBits(from));
    return zero(sign, to) | defaultNaN(to) | (aligned >> (63 - fractionBits(to)));
  }
  if (kind === INFINITE) {
    if (!alternative) return infinity(sign, to);
    raise(IOC);
    return zero(sign, to) | 0x7fff;
  }
  if (kind === ZERO) return zero(sign, to);
  return round(sign, exponent, significand, to, mode);
}

/** @param width - of the result, log2 of the bytes @param places - binary places of the result's fraction */
export function toFixed(value: u64, from: u32, width: u32, unsigned: boolean, mode: u32, places: i32): u64 {
  unpack(value, from);
  if (kind >= QUIET) {
    raise(IOC);
    return 0;
  }
  if (kind === ZERO) return 0;
  const size = (8 << width) as u64;
  const limit: u64 = unsigned
    ? size === 64
      ? ~(0 as u64)
      : ((1 as u64) << size) - 1
    : ((1 as u64) << (size - 1)) - 1;
  const shift = 63 - (exponent + places);
  if (kind === INFINITE || shift < 0) {
    raise(IOC);
    return saturated(limit, unsigned, size);
  }
  let whole = shift === 0 ? significand : shift >= 64 ? 0 : significand >> (shift as u64);
  const rest = shift === 0 ? 0 : restOf(significand, shift);
  if (roundsUp(mode, sign, (whole & 1) !== 0, rest)) whole++;
  const most = sign === 0 ? limit : unsigned ? 0 : limit + 1;
  if (whole > most) {
    raise(IOC);
    return saturated(limit, unsigned, size);
  }
  if (rest !== 0) raise(IXC);
  const result = sign !== 0 ? -whole : whole;
  return size === 64 ? result : result & (((1 as u64) << size) - 1);
}

function saturated(limit: u64, unsigned: boolean, size: u64): u64 {
  if (sign === 0) return limit;
  if (unsigned) return 0;
  return (1 as u64) << (size - 1);
}

/** An integer of 64 bits, with `places` binary places, to a number. */
export function fromFixed(value: u64, to: u32, unsigned: boolean, mode: u32, places: i32): u64 {
  if (value === 0) return 0;
  const negative: u64 = !unsigned && (value as i64) < 0 ? 1 : 0;
  const magnitude = negative !== 0 ? -value : value;
  const shift = clz<u64>(magnitude);
  return round(negative, 63 - (shift as i32) - places, magnitude << shift, to, mode);
}

/** FRINT*. @param exact - FRINTX: raises IXC for an inexact result */
export function roundToInteger(value: u64, width: u32, mode: u32, exact: boolean): u64 {
  unpack(value, width);
  if (kind >= QUIET) return processNaN(value, width, kind === SIGNALLING);
  if (kind === INFINITE) return value;
  if (kind === ZERO) return zero(sign, width);
  const shift = 63 - exponent;
  if (exponent >= (fractionBits(width) as i32)) return value;
  let whole = shift >= 64 ? 0 : significand >> (shift as u64);
  const rest = restOf(significand, shift);
  if (roundsUp(mode, sign, (whole & 1) !== 0, rest)) whole++;
  if (exact && rest !== 0) raise(IXC);
  if (whole === 0) return zero(sign, width);
  const up = clz<u64>(whole);
  return round(sign, 63 - (up as i32), whole << up, width, 0);
}
