/** FPAdd, FPMul, FPMulAdd, FPDiv, FPSqrt and functions built on them. */
import {
  DOWN,
  DZC,
  exponent,
  FINITE,
  INFINITE,
  infinity,
  invalid,
  kind,
  processNaN,
  QUIET,
  raise,
  round,
  roundingMode,
  SIGNALLING,
  sign,
  signBit,
  significand,
  unpack,
  ZERO,
  zero,
} from './float-number';
import { highUnsigned } from './integer';

export function negate(value: u64, width: u32): u64 {
  return value ^ signBit(width);
}

export function absolute(value: u64, width: u32): u64 {
  return value & ~signBit(width);
}

/** The unpacked operands of the current operation. */
let kindA: i32 = 0;
let signA: u64 = 0;
let powerA: i32 = 0;
let digitsA: u64 = 0;
let kindB: i32 = 0;
let signB: u64 = 0;
let powerB: i32 = 0;
let digitsB: u64 = 0;

/** Unpacks two operands; true if either is a NaN, from which `nanOfTwo` makes the result. */
function operands(a: u64, b: u64, width: u32): boolean {
  unpack(a, width);
  kindA = kind;
  signA = sign;
  powerA = exponent;
  digitsA = significand;
  unpack(b, width);
  kindB = kind;
  signB = sign;
  powerB = exponent;
  digitsB = significand;
  return kindA >= QUIET || kindB >= QUIET;
}

function nanOfTwo(a: u64, b: u64, width: u32): u64 {
  if (kindA === SIGNALLING) return processNaN(a, width, true);
  if (kindB === SIGNALLING) return processNaN(b, width, true);
  return processNaN(kindA === QUIET ? a : b, width, false);
}

/** The sum of two zeros with the given signs, or of x and -x. */
function zeroOfSum(first: u64, second: u64, width: u32): u64 {
  if (first === second) return zero(first, width);
  return zero(roundingMode() === DOWN ? 1 : 0, width);
}

export function add(a: u64, b: u64, width: u32): u64 {
  if (operands(a, b, width)) return nanOfTwo(a, b, width);
  if (kindA === INFINITE || kindB === INFINITE) {
    if (kindA === kindB && signA !== signB) return invalid(width);
    return infinity(kindA === INFINITE ? signA : signB, width);
  }
  if (kindA === ZERO && kindB === ZERO) return zeroOfSum(signA, signB, width);
  if (kindA === ZERO) return round(signB, powerB, digitsB, width, roundingMode());
  if (kindB === ZERO) return round(signA, powerA, digitsA, width, roundingMode());
  return sum(signA, powerA, digitsA, 0, signB, powerB, digitsB, 0, 0, width);
}

export function subtract(a: u64, b: u64, width: u32): u64 {
  unpack(b, width);
  // A NaN keeps its sign: only numbers are negated.
  if (kind < QUIET) return add(a, negate(b, width), width);
  operands(a, b, width);
  return nanOfTwo(a, b, width);
}

/**
 * Sum of two numbers with 128-bit significands (bit 127 set; no more than 126 bits are in use), rounded once.
 * @param scale - added to the exponent before rounding
 */
function sum(
  sa: u64,
  pa: i32,
  ha: u64,
  la: u64,
  sb: u64,
  pb: i32,
  hb: u64,
  lb: u64,
  scale: i32,
  width: u32,
): u64 {
  if (pa < pb || (pa === pb && (ha < hb || (ha === hb && la < lb)))) {
    return sum(sb, pb, hb, lb, sa, pa, ha, la, scale, width);
  }
  // Shifts by one place more, for the carry. Bits shifted out of the smaller number become a sticky bit.
  const distance = pa - pb + 1;
  let high = ha >> 1;
  let low = (la >> 1) | (ha << 63);
  let otherHigh: u64 = 0;
  let otherLow: u64 = 0;
  if (distance < 64) {
    const d = distance as u64;
    otherHigh = hb >> d;
    otherLow = (lb >> d) | (hb << (64 - d)) | (lb << (64 - d) !== 0 ? 1 : 0);
  } else if (distance === 64) otherLow = hb | (lb !== 0 ? 1 : 0);
  else if (distance < 128) {
    const d = (distance - 64) as u64;
    otherLow = (hb >> d) | (hb << (64 - d) !== 0 || lb !== 0 ? 1 : 0);
  } else otherLow = 1;
  if (sa === sb) {
    low += otherLow;
    high += otherHigh + (low < otherLow ? 1 : 0);
  } else {
    const borrow: u64 = low < otherLow ? 1 : 0;
    low -= otherLow;
    high -= otherHigh + borrow;
  }
  if ((high | low) === 0) return zeroOfSum(0, 1, width);
  let power = pa + 1;
  if (high === 0) {
    high = low;
    low = 0;
    power -= 64;
  }
  const shift = clz<u64>(high);
  if (shift !== 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  return round(sa, power - (shift as i32) + scale, high | (low !== 0 ? 1 : 0), width, roundingMode());
}

/** Product of the significands of A and B: 128 bits with bit 127 set, and its exponent. */
let productHigh: u64 = 0;
let productLow: u64 = 0;
let productPower: i32 = 0;
function product(): void {
  productHigh = highUnsigned(digitsA, digitsB);
  productLow = digitsA * digitsB;
  productPower = powerA + powerB + 1;
  if (productHigh >> 63 !== 0) return;
  productHigh = (productHigh << 1) | (productLow >> 63);
  productLow <<= 1;
  productPower--;
}

/** @param extended - FMULX: infinity times zero is two */
export function multiply(a: u64, b: u64, width: u32, extended: boolean): u64 {
  if (operands(a, b, width)) return nanOfTwo(a, b, width);
  const negative = signA ^ signB;
  if ((kindA === INFINITE && kindB === ZERO) || (kindA === ZERO && kindB === INFINITE)) {
    return extended ? power(negative, 1, width) : invalid(width);
  }
  if (kindA === INFINITE || kindB === INFINITE) return infinity(negative, width);
  if (kindA === ZERO || kindB === ZERO) return zero(negative, width);
  product();
  return round(negative, productPower, productHigh | (productLow !== 0 ? 1 : 0), width, roundingMode());
}

/** (-1)^negative * 2^exponent. */
function power(negative: u64, exponent: i32, width: u32): u64 {
  return round(negative, exponent, (1 as u64) << 63, width, roundingMode());
}

/** addend + a * b, rounded once. @param scale - added to the exponent before rounding */
export function multiplyAdd(addend: u64, a: u64, b: u64, width: u32, scale: i32): u64 {
  unpack(addend, width);
  const kindC = kind;
  const signC = sign;
  const powerC = exponent;
  const digitsC = significand;
  const nan = operands(a, b, width);
  const noProduct = (kindA === INFINITE && kindB === ZERO) || (kindA === ZERO && kindB === INFINITE);
  if (kindC === QUIET && noProduct) return invalid(width);
  if (kindC >= QUIET || nan) {
    if (kindC === SIGNALLING) return processNaN(addend, width, true);
    if (kindA === SIGNALLING) return processNaN(a, width, true);
    if (kindB === SIGNALLING) return processNaN(b, width, true);
    return processNaN(kindC === QUIET ? addend : kindA === QUIET ? a : b, width, false);
  }
  const signP = signA ^ signB;
  const infiniteP = kindA === INFINITE || kindB === INFINITE;
  if (noProduct || (kindC === INFINITE && infiniteP && signC !== signP)) return invalid(width);
  if (kindC === INFINITE) return infinity(signC, width);
  if (infiniteP) return infinity(signP, width);
  const zeroP = kindA === ZERO || kindB === ZERO;
  if (zeroP) {
    if (kindC === ZERO) return zeroOfSum(signC, signP, width);
    return round(signC, powerC + scale, digitsC, width, roundingMode());
  }
  product();
  if (kindC === ZERO) {
    return round(
      signP,
      productPower + scale,
      productHigh | (productLow !== 0 ? 1 : 0),
      width,
      roundingMode(),
    );
  }
  return sum(signC, powerC, digitsC, 0, signP, productPower, productHigh, productLow, scale, width);
}

export function divide(a: u64, b: u64, width: u32): u64 {
  if (operands(a, b, width)) return nanOfTwo(a, b, width);
  const negative = signA ^ signB;
  if (kindA === kindB && kindA !== FINITE) return invalid(width);
  if (kindA === INFINITE) return infinity(negative, width);
  if (kindB === ZERO) {
    raise(DZC);
    return infinity(negative, width);
  }
  if (kindA === ZERO || kindB === INFINITE) return zero(negative, width);
  let rest = digitsA;
  let quotient: u64 = 0;
  let result = powerA - powerB;
  let places = 64;
  if (rest >= digitsB) {
    rest -= digitsB;
    quotient = 1;
    places = 63;
  } else result--;
  for (; places > 0; places--) {
    const carry = rest >> 63;
    rest <<= 1;
    quotient <<= 1;
    if (carry !== 0 || rest >= digitsB) {
      rest -= digitsB;
      quotient |= 1;
    }
  }
  return round(negative, result, quotient | (rest !== 0 ? 1 : 0), width, roundingMode());
}

export function squareRoot(value: u64, width: u32): u64 {
  unpack(value, width);
  if (kind >= QUIET) return processNaN(value, width, kind === SIGNALLING);
  if (kind === ZERO) return zero(sign, width);
  if (sign !== 0) return invalid(width);
  if (kind === INFINITE) return infinity(0, width);
  // Two bits of the operand give one of the root: the first pair is 01, or 1x where the exponent is odd.
  let digits = significand;
  let rest: u64 = 0;
  let root: u64 = 0;
  const odd = (exponent & 1) !== 0;
  for (let place = 0; place < 58; place++) {
    let two: u64 = 0;
    if (place === 0 && !odd) {
      two = digits >> 63;
      digits <<= 1;
    } else {
      two = digits >> 62;
      digits <<= 2;
    }
    rest = (rest << 2) | two;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  return round(0, exponent >> 1, (root << 6) | (rest !== 0 ? 1 : 0), width, roundingMode());
}

/** FRECPS (2 - a * b), and FRSQRTS ((3 - a * b) / 2). */
export function step(a: u64, b: u64, width: u32, root: boolean): u64 {
  const negated = negate(a, width);
  if (operands(negated, b, width)) return nanOfTwo(negated, b, width);
  const two = power2(1, width);
  const noProduct = (kindA === INFINITE && kindB === ZERO) || (kindA === ZERO && kindB === INFINITE);
  if (noProduct) return root ? oneAndHalf(width) : two;
  if (!root) return multiplyAdd(two, negated, b, width, 0);
  return multiplyAdd(oneAndHalf(width) + ((1 as u64) << shiftOf(width)), negated, b, width, -1);
}

function shiftOf(width: u32): u64 {
  return width === 3 ? 52 : 23;
}

/** 2^exponent, exact. */
function power2(exponent: i32, width: u32): u64 {
  return ((exponent + (width === 3 ? 1023 : 127)) as u64) << shiftOf(width);
}

function oneAndHalf(width: u32): u64 {
  return power2(0, width) | ((1 as u64) << (shiftOf(width) - 1));
}

/** NZCV as four bits. @param signals - whether a quiet NaN is invalid too */
export function compare(a: u64, b: u64, width: u32, signals: boolean): i32 {
  if (operands(a, b, width)) {
    if (signals || kindA === SIGNALLING || kindB === SIGNALLING) raise(1);
    return 3;
  }
  const order = orderOf();
  return order === 0 ? 6 : order < 0 ? 8 : 2;
}

/** Order of A and B, neither a NaN: -1, 0, 1. */
function orderOf(): i32 {
  if (kindA === ZERO && kindB === ZERO) return 0;
  if (kindA === ZERO) return signB !== 0 ? 1 : -1;
  if (kindB === ZERO || signA !== signB) return signA !== 0 ? -1 : 1;
  let larger = 0;
  if (kindA !== kindB) larger = kindA === INFINITE ? 1 : -1;
  else if (kindA === INFINITE) return 0;
  else if (powerA !== powerB) larger = powerA > powerB ? 1 : -1;
  else if (digitsA !== digitsB) larger = digitsA > digitsB ? 1 : -1;
  return signA !== 0 ? -larger : larger;
}

/** FMAX and FMIN; FMAXNM and FMINNM take the number where the other operand is a quiet NaN. */
export function extreme(a: u64, b: u64, width: u32, smallest: boolean, number: boolean): u64 {
  if (operands(a, b, width)) {
    if (number && kindA === QUIET && kindB < QUIET)
      return extreme(infinity(smallest ? 0 : 1, width), b, width, smallest, false);
    if (number && kindB === QUIET && kindA < QUIET)
      return extreme(a, infinity(smallest ? 0 : 1, width), width, smallest, false);
    return nanOfTwo(a, b, width);
  }
  if (kindA === ZERO && kindB === ZERO) return zero(smallest ? signA | signB : signA & signB, width);
  const first = smallest ? orderOf() <= 0 : orderOf() >= 0;
  if ((first ? kindA : kindB) === ZERO) return zero(first ? signA : signB, width);
  return first ? a : b;
}
