/** FRECPE, FRSQRTE, FRECPX, URECPE, URSQRTE: estimates with 8 bits, as the architecture's tables have them. */
import {
  biasOf,
  DOWN,
  DZC,
  exponent,
  flushesToZero,
  fractionBits,
  INFINITE,
  IXC,
  infinity,
  invalid,
  kind,
  largest,
  NEAREST,
  OFC,
  processNaN,
  QUIET,
  raise,
  roundingMode,
  SIGNALLING,
  sign,
  significand,
  UFC,
  UP,
  unpack,
  ZERO,
  zero,
} from './float-number';

/** RecipEstimate: of a fixed-point number from 0.5 to 1 with 9 bits, 256 to 511; the result is 1 to 2 in the same way. */
function reciprocal(a: u32): u32 {
  const doubled = a * 2 + 1;
  const b: u32 = (1 << 19) / doubled;
  return (b + 1) >> 1;
}

/** RecipSqrtEstimate: of 0.25 to 1, 128 to 511. */
function reciprocalRoot(a: u32): u32 {
  let scaled = a;
  if (scaled < 256) scaled = scaled * 2 + 1;
  else scaled = (((scaled >> 1) << 1) + 1) * 2;
  let b: u32 = 512;
  while (scaled * (b + 1) * (b + 1) < 1 << 28) b++;
  return (b + 1) >> 1;
}

export function reciprocalEstimate(value: u64, width: u32): u64 {
  unpack(value, width);
  if (kind >= QUIET) return processNaN(value, width, kind === SIGNALLING);
  if (kind === INFINITE) return zero(sign, width);
  if (kind === ZERO) {
    raise(DZC);
    return infinity(sign, width);
  }
  const bias = biasOf(width);
  if (exponent < -bias - 1) {
    // The result is too large.
    raise(OFC | IXC);
    const mode = roundingMode();
    const overflows = mode === NEAREST || (mode === UP && sign === 0) || (mode === DOWN && sign !== 0);
    return overflows ? infinity(sign, width) : largest(sign, width);
  }
  if (flushesToZero() && exponent >= bias - 1) {
    raise(UFC);
    return zero(sign, width);
  }
  const bits = fractionBits(width);
  let fraction = ((reciprocal((significand >> 55) as u32) & 0xff) as u64) << (bits - 8);
  const power = 2 * bias - 1 - (exponent + bias);
  if (power === 0) fraction = (fraction >> 1) | ((1 as u64) << (bits - 1));
  else if (power < 0) fraction = (fraction >> 2) | ((1 as u64) << (bits - 2));
  return zero(sign, width) | ((power <= 0 ? 0 : (power as u64)) << bits) | fraction;
}

export function reciprocalRootEstimate(value: u64, width: u32): u64 {
  unpack(value, width);
  if (kind >= QUIET) return processNaN(value, width, kind === SIGNALLING);
  if (kind === ZERO) {
    raise(DZC);
    return infinity(sign, width);
  }
  if (sign !== 0) return invalid(width);
  if (kind === INFINITE) return zero(0, width);
  const bias = biasOf(width);
  const bits = fractionBits(width);
  const biased = exponent + bias;
  // An even exponent leaves a number from 0.5 to 1, an odd one from 0.25 to 0.5.
  const scaled = (biased & 1) === 0 ? ((significand >> 55) as u32) : ((significand >> 56) as u32);
  const estimate = reciprocalRoot(scaled);
  const power = (3 * bias - 1 - biased) >> 1;
  return ((power as u64) << bits) | (((estimate & 0xff) as u64) << (bits - 8));
}

/** FRECPX: the exponent's complement. */
export function reciprocalExponent(value: u64, width: u32): u64 {
  unpack(value, width);
  if (kind >= QUIET) return processNaN(value, width, kind === SIGNALLING);
  const bits = fractionBits(width);
  const mask: u64 = width === 3 ? 0x7ff : 0xff;
  const biased = (value >> bits) & mask;
  const inverted = biased === 0 ? mask - 1 : ~biased & mask;
  return zero(sign, width) | (inverted << bits);
}

export function unsignedReciprocal(value: u32): u32 {
  return value >> 31 === 0 ? 0xffff_ffff : reciprocal(value >> 23) << 23;
}

export function unsignedReciprocalRoot(value: u32): u32 {
  return value >> 30 === 0 ? 0xffff_ffff : reciprocalRoot(value >> 23) << 23;
}
