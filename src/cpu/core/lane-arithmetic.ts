/** Saturating and rounding arithmetic of one element of 2^scale bytes. */
import {
  laneMask,
  saturated,
  saturateSigned,
  saturateToUnsigned,
  saturateUnsigned,
  signExtend,
} from './lanes';

const MOST: i64 = 0x7fff_ffff_ffff_ffff;

export function addSaturated(a: u64, b: u64, scale: u32, unsigned: boolean): u64 {
  const sum = a + b;
  if (unsigned) {
    if (scale < 3) return saturateUnsigned(sum, scale);
    if (sum >= a) return sum;
    saturated();
    return ~(0 as u64);
  }
  if (scale < 3) return saturateSigned(sum as i64, scale);
  if ((((a ^ sum) & (b ^ sum)) as i64) >= 0) return sum;
  saturated();
  return (a as i64) < 0 ? (~MOST as u64) : (MOST as u64);
}

export function subtractSaturated(a: u64, b: u64, scale: u32, unsigned: boolean): u64 {
  const difference = a - b;
  if (unsigned) {
    if (a >= b) return difference;
    saturated();
    return 0;
  }
  if (scale < 3) return saturateSigned(difference as i64, scale);
  if ((((a ^ b) & (a ^ difference)) as i64) >= 0) return difference;
  saturated();
  return (a as i64) < 0 ? (~MOST as u64) : (MOST as u64);
}

/** SUQADD: signed + unsigned, saturated as signed. USQADD: unsigned + signed, as unsigned. `a` is the accumulator. */
export function addMixed(a: u64, b: u64, scale: u32, unsigned: boolean): u64 {
  if (scale < 3) {
    const sum = (a + b) as i64;
    return unsigned ? saturateToUnsigned(sum, scale) : saturateSigned(sum, scale);
  }
  const sum = a + b;
  if (unsigned) {
    if ((b as i64) >= 0 ? sum >= a : sum < a || b === 0) return sum;
    saturated();
    return (b as i64) >= 0 ? ~(0 as u64) : 0;
  }
  // Signed a, unsigned b: the sum overflows if it is less than a, or if b exceeds the distance from a to the limit.
  if (b <= ((MOST - (a as i64)) as u64)) return sum;
  saturated();
  return MOST as u64;
}

/** Right shift of 1 to 64 places, optionally rounded to nearest. @param unsigned - `a` is zero-extended, else sign-extended */
export function shiftRight(a: u64, places: u64, unsigned: boolean, rounds: boolean): u64 {
  const carry: u64 = rounds && places <= 64 ? (bitOf(a, places - 1, unsigned) as u64) : 0;
  if (unsigned) return (places >= 64 ? 0 : a >> places) + carry;
  return (((a as i64) >> ((places >= 64 ? 63 : places) as i64)) as u64) + carry;
}

function bitOf(a: u64, at: u64, unsigned: boolean): u64 {
  if (at < 64) return (a >> at) & 1;
  return unsigned ? 0 : a >> 63;
}

/** SSHL, USHL, SRSHL, URSHL, SQSHL, UQSHL, SQRSHL, UQRSHL: by the signed low byte of `by`, left or right. */
export function shiftBy(
  a: u64,
  by: u64,
  scale: u32,
  unsigned: boolean,
  rounds: boolean,
  saturates: boolean,
): u64 {
  const amount = signExtend(by, 0) as i32;
  const width = 8 << scale;
  if (amount < 0) {
    const places = -amount;
    if (!unsigned && rounds && places > width) return 0;
    return shiftRight(a, places as u64, unsigned, rounds);
  }
  if (!saturates) return amount >= width ? 0 : a << (amount as u64);
  return shiftLeftSaturated(a, amount as u32, scale, unsigned);
}

export function shiftLeftSaturated(a: u64, amount: u32, scale: u32, unsigned: boolean): u64 {
  const width: u32 = 8 << scale;
  if (a === 0) return 0;
  if (unsigned) {
    if (amount < width && a <= laneMask(scale) >> (amount as u64)) return a << (amount as u64);
    saturated();
    return laneMask(scale);
  }
  const negative = (a as i64) < 0;
  if (amount < width) {
    const moved = signExtend(a << (amount as u64), scale);
    if (moved >> (amount as i64) === (a as i64)) return moved as u64;
  }
  saturated();
  const limit = (laneMask(scale) >> 1) as i64;
  return negative ? (~limit as u64) : (limit as u64);
}

/** SQSHLU: a signed number, saturated as unsigned. */
export function shiftLeftToUnsigned(a: u64, amount: u32, scale: u32): u64 {
  if ((a as i64) >= 0) return shiftLeftSaturated(a, amount, scale, true);
  saturated();
  return 0;
}

/** SQDMULH and SQRDMULH of 16 or 32 bits: the upper half of twice the product. */
export function doubleHigh(a: i64, b: i64, scale: u32, rounds: boolean): u64 {
  const width = (8 << scale) as i64;
  const limit = (1 as i64) << (width - 1);
  if (a === -limit && b === -limit) {
    saturated();
    return (limit - 1) as u64;
  }
  const product = a * b;
  const rounded = rounds ? product + ((1 as i64) << (width - 2)) : product;
  return saturateSigned(rounded >> (width - 1), scale);
}

/** SQDMULL: twice the product in elements of twice the size; `scale` is that of the sources, 1 or 2. */
export function doubleLong(a: i64, b: i64, scale: u32): u64 {
  const product = a * b;
  if (scale === 1) return saturateSigned(product << 1, 2);
  if (product === 0x4000_0000_0000_0000) {
    saturated();
    return MOST as u64;
  }
  return (product << 1) as u64;
}

/** Product of polynomials over {0, 1}: 8 by 8 bits. */
export function polynomial(a: u64, b: u64): u64 {
  let product: u64 = 0;
  for (let i: u64 = 0; i < 8; i++) if (((a >> i) & 1) !== 0) product ^= (b & 0xff) << i;
  return product;
}

/** (a + b) >> 1, or (a - b) >> 1, without overflow; 1 more before the shift where it rounds. Less than 8 bytes. */
export function halved(a: u64, b: u64, subtracts: boolean, rounds: boolean): u64 {
  const whole = subtracts ? a - b : a + b;
  return (((whole + (rounds ? 1 : 0)) as i64) >> 1) as u64;
}

export function absoluteDifference(a: u64, b: u64, unsigned: boolean): u64 {
  const aIsMore = unsigned ? a > b : (a as i64) > (b as i64);
  return aIsMore ? a - b : b - a;
}
