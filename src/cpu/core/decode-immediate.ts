/** Data processing (immediate): Arm DDI 0487, C4.1 "Data Processing -- Immediate". */
import {
  ADD_I32,
  ADD_I64,
  ADDS_I32,
  ADDS_I64,
  ADR,
  ADRP,
  AND_I,
  ANDS_I32,
  ANDS_I64,
  BFM,
  EOR_I32,
  EOR_I64,
  EXTR32,
  EXTR64,
  MOV_I,
  MOVK,
  ORR_I32,
  ORR_I64,
  SBFM32,
  SBFM64,
  SUBS_I32,
  SUBS_I64,
  UBFM32,
  UBFM64,
} from './ops';
import { bit, bits, put, putImmediate, putMore, signed, stack, target, undefinedRecord } from './record';

export function decodeImmediate(w: u32, r: usize): void {
  switch (bits(w, 23, 3)) {
    case 0:
    case 1:
      pcRelative(w, r);
      break;
    case 2:
      addSubtract(w, r);
      break;
    case 4:
      logical(w, r);
      break;
    case 5:
      moveWide(w, r);
      break;
    case 6:
      bitfield(w, r);
      break;
    case 7:
      extract(w, r);
      break;
    default:
      undefinedRecord(r);
  }
}

function pcRelative(w: u32, r: usize): void {
  const offset = signed((bits(w, 5, 19) << 2) | bits(w, 29, 2), 21) as i64;
  const page = bit(w, 31) !== 0;
  put(r, page ? ADRP : ADR, target(bits(w, 0, 5)), 31);
  putImmediate(r, (page ? offset << 12 : offset) as u64);
}

function addSubtract(w: u32, r: usize): void {
  const sf = bit(w, 31) !== 0;
  const subtract = bit(w, 30) !== 0;
  const immediate = (bits(w, 10, 12) << (bit(w, 22) !== 0 ? 12 : 0)) as u64;
  const rn = stack(bits(w, 5, 5));
  if (bit(w, 29) !== 0) {
    const op = subtract ? (sf ? SUBS_I64 : SUBS_I32) : sf ? ADDS_I64 : ADDS_I32;
    put(r, op, target(bits(w, 0, 5)), rn);
    putImmediate(r, immediate);
  } else {
    put(r, sf ? ADD_I64 : ADD_I32, stack(bits(w, 0, 5)), rn);
    putImmediate(r, subtract ? -immediate : immediate);
  }
}

/** DecodeBitMasks for logical immediates; 0 is no mask: the encoding is reserved. */
function bitMask(n: u32, imms: u32, immr: u32): u64 {
  const levels = (n << 6) | (~imms & 0x3f);
  if (levels < 2) return 0;
  const length = 31 - clz<u32>(levels);
  const size = (1 as u32) << length;
  const s = imms & (size - 1);
  const rotate = immr & (size - 1);
  if (s === size - 1) return 0;
  let element = ((1 as u64) << ((s + 1) as u64)) - 1;
  if (rotate !== 0) {
    const all = size === 64 ? ~(0 as u64) : ((1 as u64) << (size as u64)) - 1;
    element = ((element >> (rotate as u64)) | (element << ((size - rotate) as u64))) & all;
  }
  for (let width = size; width < 64; width <<= 1) element |= element << (width as u64);
  return element;
}

function logical(w: u32, r: usize): void {
  const sf = bit(w, 31) !== 0;
  const mask = bitMask(bit(w, 22), bits(w, 10, 6), bits(w, 16, 6));
  if (mask === 0 || (!sf && bit(w, 22) !== 0)) return undefinedRecord(r);
  const rn = bits(w, 5, 5);
  switch (bits(w, 29, 2)) {
    case 0:
      put(r, AND_I, stack(bits(w, 0, 5)), rn);
      break;
    case 1:
      put(r, sf ? ORR_I64 : ORR_I32, stack(bits(w, 0, 5)), rn);
      break;
    case 2:
      put(r, sf ? EOR_I64 : EOR_I32, stack(bits(w, 0, 5)), rn);
      break;
    default:
      put(r, sf ? ANDS_I64 : ANDS_I32, target(bits(w, 0, 5)), rn);
  }
  putImmediate(r, sf ? mask : mask & 0xffff_ffff);
}

function moveWide(w: u32, r: usize): void {
  const sf = bit(w, 31) !== 0;
  const shift = bits(w, 21, 2) << 4;
  if (!sf && shift >= 32) return undefinedRecord(r);
  const value = (bits(w, 5, 16) as u64) << (shift as u64);
  const limit: u64 = sf ? ~(0 as u64) : 0xffff_ffff;
  switch (bits(w, 29, 2)) {
    case 0:
      put(r, MOV_I, target(bits(w, 0, 5)), 31);
      putImmediate(r, ~value & limit);
      break;
    case 2:
      put(r, MOV_I, target(bits(w, 0, 5)), 31);
      putImmediate(r, value);
      break;
    case 3:
      put(r, MOVK, target(bits(w, 0, 5)), bits(w, 0, 5));
      putMore(r, 31, sf ? 64 : 32, shift as i32, bits(w, 5, 16) as i32);
      break;
    default:
      undefinedRecord(r);
  }
}

/** SBFM and UBFM as two shifts: left by Ra's field, then right by the 16-bit one. */
function bitfield(w: u32, r: usize): void {
  const sf = bit(w, 31);
  const immr = bits(w, 16, 6);
  const imms = bits(w, 10, 6);
  if (bit(w, 22) !== sf || (sf === 0 && (immr | imms) >= 32)) return undefinedRecord(r);
  const top: u32 = sf !== 0 ? 63 : 31;
  const rd = target(bits(w, 0, 5));
  const rn = bits(w, 5, 5);
  const up = top - imms;
  const down = imms >= immr ? up + immr : immr - imms - 1;
  switch (bits(w, 29, 2)) {
    case 0:
      put(r, sf !== 0 ? SBFM64 : SBFM32, rd, rn);
      putMore(r, 31, up, down as i32, 0);
      break;
    case 1:
      put(r, BFM, rd, rn);
      putMore(r, bits(w, 0, 5), imms, immr as i32, top as i32);
      break;
    case 2:
      put(r, sf !== 0 ? UBFM64 : UBFM32, rd, rn);
      putMore(r, 31, up, down as i32, 0);
      break;
    default:
      undefinedRecord(r);
  }
}

function extract(w: u32, r: usize): void {
  const sf = bit(w, 31);
  const lsb = bits(w, 10, 6);
  if (bits(w, 29, 2) !== 0 || bit(w, 21) !== 0 || bit(w, 22) !== sf || (sf === 0 && lsb >= 32)) {
    return undefinedRecord(r);
  }
  put(r, sf !== 0 ? EXTR64 : EXTR32, target(bits(w, 0, 5)), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), 0, lsb as i32, 0);
}
