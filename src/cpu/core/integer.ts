/** Integer operations that are too rare, or too long, for `step.ts`. */
import { nzcv, setNzcv } from './context';
import { adds32, adds64, logical32, logical64, subs32, subs64 } from './flags';
import { a64, extend, LOW, m32, m32s, m64, n32, n32s, n64, set } from './operands';
import * as op from './ops';
import { i1, i2, ra, rm } from './record';

export function executeInteger(operation: i32, s: usize, r: usize, pc: u64): u64 {
  switch (operation) {
    case op.SHIFTED:
      return set(s, r, pc, shifted(s, r));
    case op.EXTENDED:
      return set(s, r, pc, extended(s, r));
    case op.CARRY:
      return set(s, r, pc, withCarry(s, r));
    case op.CCMP:
      conditionalCompare(s, r);
      return pc + 4;
    case op.BFM:
      return set(s, r, pc, bitfieldMove(s, r));
    case op.DP1:
      return set(s, r, pc, oneSource(s, r));
    case op.RORV:
      return set(
        s,
        r,
        pc,
        i1(r) !== 0 ? rotr<u64>(n64(s, r), m64(s, r)) : (rotr<u32>(n32(s, r), m32(s, r)) as u64),
      );
    case op.SDIV:
      return set(
        s,
        r,
        pc,
        i1(r) !== 0
          ? divide64(n64(s, r) as i64, m64(s, r) as i64)
          : divide32(n32(s, r) as i32, m32(s, r) as i32),
      );
    case op.MULH:
      return set(
        s,
        r,
        pc,
        i1(r) !== 0 ? highUnsigned(n64(s, r), m64(s, r)) : highSigned(n64(s, r), m64(s, r)),
      );
    case op.CRC32:
      return set(s, r, pc, crc(n32(s, r), m64(s, r), ra(r)) as u64);
    case op.UMSUBL:
      return set(s, r, pc, a64(s, r) - (n32(s, r) as u64) * (m32(s, r) as u64));
    default:
      return set(s, r, pc, a64(s, r) - n32s(s, r) * m32s(s, r));
  }
}

/** LSL 0, LSR 1, ASR 2, ROR 3. */
function shift64(value: u64, kind: i32, amount: i32): u64 {
  if (kind === 1) return value >> (amount as u64);
  if (kind === 2) return ((value as i64) >> (amount as i64)) as u64;
  return rotr<u64>(value, amount as u64);
}

function shift32(value: u32, kind: i32, amount: i32): u32 {
  if (kind === 1) return value >> (amount as u32);
  if (kind === 2) return ((value as i32) >> amount) as u32;
  return rotr<u32>(value, amount as u32);
}

/** Operation number of the loop in Ra's field: pairs of 64 and 32. */
function shifted(s: usize, r: usize): u64 {
  const operation = ra(r) as i32;
  // Both runs of operations begin at even distances from ADD_R64.
  const wide = ((operation - op.ADD_R64) & 1) === 0;
  if (!wide) return narrowShifted(operation, n32(s, r), shift32(m32(s, r), i2(r), i1(r))) as u64;
  const n = n64(s, r);
  const m = shift64(m64(s, r), i2(r), i1(r));
  switch (operation) {
    case op.ADD_R64:
      return n + m;
    case op.SUB_R64:
      return n - m;
    case op.ADDS_R64:
      return adds64(n, m);
    case op.SUBS_R64:
      return subs64(n, m);
    case op.AND_R64:
      return n & m;
    case op.BIC_R64:
      return n & ~m;
    case op.ORR_R64:
      return n | m;
    case op.ORN_R64:
      return n | ~m;
    case op.EOR_R64:
      return n ^ m;
    case op.EON_R64:
      return n ^ ~m;
    case op.ANDS_R64:
      return logical64(n & m);
    default:
      return logical64(n & ~m);
  }
}

function narrowShifted(operation: i32, n: u32, m: u32): u32 {
  switch (operation) {
    case op.ADD_R32:
      return n + m;
    case op.SUB_R32:
      return n - m;
    case op.ADDS_R32:
      return adds32(n, m);
    case op.SUBS_R32:
      return subs32(n, m);
    case op.AND_R32:
      return n & m;
    case op.BIC_R32:
      return n & ~m;
    case op.ORR_R32:
      return n | m;
    case op.ORN_R32:
      return n | ~m;
    case op.EOR_R32:
      return n ^ m;
    case op.EON_R32:
      return n ^ ~m;
    case op.ANDS_R32:
      return logical32(n & m);
    default:
      return logical32(n & ~m);
  }
}

/** sf, op and S in bits 2, 1, 0 of Ra's field. */
function extended(s: usize, r: usize): u64 {
  const kind = ra(r);
  const m = extend(m64(s, r), i1(r)) << (i2(r) as u64);
  if ((kind & 4) !== 0) {
    const n = n64(s, r);
    if ((kind & 1) !== 0) return (kind & 2) !== 0 ? subs64(n, m) : adds64(n, m);
    return (kind & 2) !== 0 ? n - m : n + m;
  }
  const n = n32(s, r);
  if ((kind & 1) !== 0) return ((kind & 2) !== 0 ? subs32(n, m as u32) : adds32(n, m as u32)) as u64;
  return ((kind & 2) !== 0 ? n - (m as u32) : n + (m as u32)) as u64;
}

/** AddWithCarry of Rn and Rm, inverted for SBC. */
function withCarry(s: usize, r: usize): u64 {
  const kind = ra(r);
  const carry: u64 = ((nzcv >> 1) & 1) as u64;
  if ((kind & 4) === 0) {
    const n = n32(s, r);
    const m = (kind & 2) !== 0 ? ~m32(s, r) : m32(s, r);
    const sum = (n as u64) + (m as u64) + carry;
    const result = sum as u32;
    if ((kind & 1) !== 0)
      flags(result >> 31, result === 0, sum >> 32 !== 0, ((n ^ result) & (m ^ result)) >> 31);
    return result as u64;
  }
  const n = n64(s, r);
  const m = (kind & 2) !== 0 ? ~m64(s, r) : m64(s, r);
  const result = n + m + carry;
  if ((kind & 1) !== 0) {
    const carries = carry !== 0 ? result <= n : result < n;
    flags((result >> 63) as u32, result === 0, carries, (((n ^ result) & (m ^ result)) >> 63) as u32);
  }
  return result;
}

function flags(n: u32, z: boolean, c: boolean, v: u32): void {
  setNzcv(((n << 3) | ((z ? 1 : 0) << 2) | ((c ? 1 : 0) << 1) | v) as i32);
}

/** sf and op in bits 9:8 of the 32-bit number, whether Rm is the immediate itself in bit 4, NZCV in 3:0. */
function conditionalCompare(s: usize, r: usize): void {
  const kind = i2(r);
  if (((i1(r) >> nzcv) & 1) === 0) {
    setNzcv(kind & 15);
    return;
  }
  const m = (kind & 16) !== 0 ? (rm(r) as u64) : m64(s, r);
  if ((kind & 0x200) !== 0) {
    if ((kind & 0x100) !== 0) subs64(n64(s, r), m);
    else adds64(n64(s, r), m);
  } else if ((kind & 0x100) !== 0) subs32(n32(s, r), m as u32);
  else adds32(n32(s, r), m as u32);
}

function ones(width: u32): u64 {
  return width >= 64 ? ~(0 as u64) : ((1 as u64) << (width as u64)) - 1;
}

/** imms in Ra's field, immr in the 16-bit number, the top bit's number in the other; Rd is Rm's field. */
function bitfieldMove(s: usize, r: usize): u64 {
  const imms = ra(r);
  const immr = i1(r) as u32;
  const top = i2(r) as u32;
  const source = n64(s, r);
  const old = m64(s, r) & ones(top + 1);
  if (imms >= immr) {
    const mask = ones(imms - immr + 1);
    return (old & ~mask) | ((source >> (immr as u64)) & mask);
  }
  const lsb = (top + 1 - immr) as u64;
  const mask = ones(imms + 1) << lsb;
  return (old & ~mask) | ((source << lsb) & mask);
}

/** RBIT 0, REV16 1, REV32 2, REV64 3, CLZ 4, CLS 5; sf in the 16-bit number. */
function oneSource(s: usize, r: usize): u64 {
  const sf = i1(r) !== 0;
  const value = n64(s, r);
  const word = value as u32;
  switch (ra(r)) {
    case 0:
      return sf ? reverseBits(value) : reverseBits(value) >> 32;
    case 1: {
      const swapped = ((value >> 8) & 0x00ff_00ff_00ff_00ff) | ((value & 0x00ff_00ff_00ff_00ff) << 8);
      return sf ? swapped : swapped & LOW;
    }
    case 2:
      return sf ? rotr<u64>(bswap<u64>(value), 32) : (bswap<u32>(word) as u64);
    case 3:
      return bswap<u64>(value);
    case 4:
      return sf ? clz<u64>(value) : (clz<u32>(word) as u64);
    default:
      return sf ? clz<u64>((value ^ (value << 1)) | 1) : (clz<u32>((word ^ (word << 1)) | 1) as u64);
  }
}

export function reverseBits(value: u64): u64 {
  let v = bswap<u64>(value);
  v = ((v >> 4) & 0x0f0f_0f0f_0f0f_0f0f) | ((v & 0x0f0f_0f0f_0f0f_0f0f) << 4);
  v = ((v >> 2) & 0x3333_3333_3333_3333) | ((v & 0x3333_3333_3333_3333) << 2);
  return ((v >> 1) & 0x5555_5555_5555_5555) | ((v & 0x5555_5555_5555_5555) << 1);
}

function divide64(n: i64, m: i64): u64 {
  if (m === 0) return 0;
  // The one quotient that overflows wraps here, and traps in WebAssembly.
  return m === -1 ? (-n as u64) : ((n / m) as u64);
}

function divide32(n: i32, m: i32): u64 {
  if (m === 0) return 0;
  return (m === -1 ? -n : n / m) as u32 as u64;
}

export function highUnsigned(a: u64, b: u64): u64 {
  const al = a & LOW;
  const ah = a >> 32;
  const bl = b & LOW;
  const bh = b >> 32;
  const middle = ah * bl + ((al * bl) >> 32);
  const other = al * bh + (middle & LOW);
  return ah * bh + (middle >> 32) + (other >> 32);
}

function highSigned(a: u64, b: u64): u64 {
  let high = highUnsigned(a, b);
  if ((a as i64) < 0) high -= b;
  if ((b as i64) < 0) high -= a;
  return high;
}

/** CRC32 and CRC32C, reflected; log2 of the bytes in bits 1:0 of the opcode, CRC32C in bit 2. */
function crc(accumulator: u32, value: u64, opcode: u32): u32 {
  const polynomial: u32 = (opcode & 4) !== 0 ? 0x82f6_3b78 : 0xedb8_8320;
  let bytes: u32 = 1 << (opcode & 3);
  let c = accumulator;
  for (; bytes > 0; bytes--) {
    c ^= (value & 0xff) as u32;
    for (let i = 0; i < 8; i++) c = (c >> 1) ^ ((c & 1) !== 0 ? polynomial : 0);
    value >>= 8;
  }
  return c;
}
