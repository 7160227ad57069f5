/**
 * Loads and stores: Arm DDI 0487, C4.1 "Loads and Stores".
 *
 * An access with an immediate has the address Rn + (16-bit number), and afterwards Rw := Rn + (32-bit number), where Rw
 * (the slot in Ra's field) is a sink unless the base register is written back.
 */

import { decodeStructures } from './decode-structures';
import {
  ATOMIC,
  COMPARE_SWAP,
  COMPARE_SWAP_PAIR,
  EXCLUSIVE_LOAD,
  EXCLUSIVE_STORE,
  LDP32,
  LDP64,
  LDPSW,
  LDR_LITERAL,
  LDR32,
  LDR32_R,
  LDR64,
  LDR64_R,
  LDRB,
  LDRB_R,
  LDRH,
  LDRH_R,
  LDRSB32,
  LDRSB32_R,
  LDRSB64,
  LDRSB64_R,
  LDRSH32,
  LDRSH32_R,
  LDRSH64,
  LDRSH64_R,
  LDRSW,
  LDRSW_R,
  NOP,
  ORDERED,
  PAIR_LOAD,
  PAIR_STORE,
  STP32,
  STP64,
  STR32,
  STR32_R,
  STR64,
  STR64_R,
  STRB,
  STRB_R,
  STRH,
  STRH_R,
  UNPRIVILEGED,
  V_LITERAL,
  V_LOAD,
  V_LOAD_PAIR,
  V_LOAD_R,
  V_STORE,
  V_STORE_PAIR,
  V_STORE_R,
} from './ops';
import { bit, bits, put, putMore, signed, stack, target, undefinedRecord } from './record';

const SINK: u32 = 32;
const NONE: i32 = -1;

export function decodeAccess(w: u32, r: usize): void {
  switch (bits(w, 28, 2)) {
    case 0:
      if (bit(w, 26) !== 0) decodeStructures(w, r);
      else if (bit(w, 24) !== 0) undefinedRecord(r);
      else exclusive(w, r);
      break;
    case 1:
      if (bit(w, 24) !== 0) undefinedRecord(r);
      else literal(w, r);
      break;
    case 2:
      pair(w, r);
      break;
    default:
      if (bit(w, 24) !== 0) unsignedOffset(w, r);
      else if (bit(w, 21) === 0) indexed(w, r);
      else if (bits(w, 10, 2) === 2) registerOffset(w, r);
      else if (bits(w, 10, 2) === 0 && bit(w, 26) === 0) atomicOperation(w, r);
      else undefinedRecord(r);
  }
}

/** Operation of size (31:30) and opc (23:22); NONE: reserved; NOP: prefetch. */
function operation(size: u32, opc: u32, register: boolean): i32 {
  switch ((size << 2) | opc) {
    case 0:
      return register ? STRB_R : STRB;
    case 1:
      return register ? LDRB_R : LDRB;
    case 2:
      return register ? LDRSB64_R : LDRSB64;
    case 3:
      return register ? LDRSB32_R : LDRSB32;
    case 4:
      return register ? STRH_R : STRH;
    case 5:
      return register ? LDRH_R : LDRH;
    case 6:
      return register ? LDRSH64_R : LDRSH64;
    case 7:
      return register ? LDRSH32_R : LDRSH32;
    case 8:
      return register ? STR32_R : STR32;
    case 9:
      return register ? LDR32_R : LDR32;
    case 10:
      return register ? LDRSW_R : LDRSW;
    case 12:
      return register ? STR64_R : STR64;
    case 13:
      return register ? LDR64_R : LDR64;
    case 14:
      return NOP;
    default:
      return NONE;
  }
}

/** log2 of the bytes of a SIMD&FP access; 5 and more are reserved. */
function vectorScale(w: u32): u32 {
  return bits(w, 30, 2) | (bit(w, 23) << 2);
}

/** The slot of Rt: for 31, a store reads zero and a load writes the sink. */
function transfer(w: u32, loads: boolean): u32 {
  return loads ? target(bits(w, 0, 5)) : bits(w, 0, 5);
}

function place(w: u32, r: usize, op: i32, offset: i32, writeBack: boolean, back: i32): void {
  const base = stack(bits(w, 5, 5));
  const vector = bit(w, 26) !== 0;
  const loads = vector ? bit(w, 22) !== 0 : bits(w, 22, 2) !== 0;
  put(r, op, vector ? bits(w, 0, 5) : transfer(w, loads), base);
  putMore(r, vector ? vectorScale(w) : 31, writeBack ? base : SINK, offset, back);
}

function unsignedOffset(w: u32, r: usize): void {
  if (bit(w, 26) !== 0) {
    const scale = vectorScale(w);
    if (scale > 4) return undefinedRecord(r);
    const offset = (bits(w, 10, 12) << scale) as i32;
    // Offsets of 16-byte accesses reach 65,520, beyond the 16-bit number, so the 32-bit number has the offset too.
    place(w, r, bit(w, 22) !== 0 ? V_LOAD : V_STORE, 0, false, offset);
    return;
  }
  const op = operation(bits(w, 30, 2), bits(w, 22, 2), false);
  if (op === NONE) return undefinedRecord(r);
  if (op === NOP) return put(r, NOP, SINK, 31);
  place(w, r, op, (bits(w, 10, 12) << bits(w, 30, 2)) as i32, false, 0);
}

/** Unscaled, unprivileged, and pre- and post-indexed. */
function indexed(w: u32, r: usize): void {
  const offset = signed(bits(w, 12, 9), 9);
  const mode = bits(w, 10, 2);
  const back = mode === 1 || mode === 3;
  if (bit(w, 26) !== 0) {
    if (vectorScale(w) > 4 || mode === 2) return undefinedRecord(r);
    // As with unsigned offsets, the address is Rn + (32-bit number), unless the access is post-indexed.
    place(w, r, bit(w, 22) !== 0 ? V_LOAD : V_STORE, mode === 1 ? 1 : 0, back, offset);
    return;
  }
  const size = bits(w, 30, 2);
  const opc = bits(w, 22, 2);
  const op = operation(size, opc, false);
  if (op === NONE || (op === NOP && mode !== 0)) return undefinedRecord(r);
  if (op === NOP) return put(r, NOP, SINK, 31);
  if (mode === 2) {
    place(w, r, UNPRIVILEGED, offset, false, 0);
    store<u8>(r, ((size << 2) | opc) as u8, 8);
    return;
  }
  place(w, r, op, mode === 1 ? 0 : offset, back, back ? offset : 0);
}

/** The 16-bit number has the option of the extension in 2:0 and the shift above. */
function registerOffset(w: u32, r: usize): void {
  if (bit(w, 14) === 0) return undefinedRecord(r);
  const vector = bit(w, 26) !== 0;
  const scale = vector ? vectorScale(w) : bits(w, 30, 2);
  if (scale > 4) return undefinedRecord(r);
  const opc = bits(w, 22, 2);
  const op = vector ? ((opc & 1) !== 0 ? V_LOAD_R : V_STORE_R) : operation(bits(w, 30, 2), opc, true);
  if (op === NONE) return undefinedRecord(r);
  if (op === NOP) return put(r, NOP, SINK, 31);
  const shift = bit(w, 12) !== 0 ? scale : 0;
  put(r, op, vector ? bits(w, 0, 5) : transfer(w, opc !== 0), stack(bits(w, 5, 5)));
  putMore(r, bits(w, 16, 5), scale, (bits(w, 13, 3) | (shift << 3)) as i32, 0);
}

/** The 16-bit number is opc; for SIMD&FP it is log2 of the bytes. */
function literal(w: u32, r: usize): void {
  const opc = bits(w, 30, 2);
  const offset = signed(bits(w, 5, 19), 19) << 2;
  if (bit(w, 26) !== 0) {
    if (opc === 3) return undefinedRecord(r);
    put(r, V_LITERAL, bits(w, 0, 5), 31);
    putMore(r, 31, SINK, (opc + 2) as i32, offset);
  } else if (opc === 3) {
    put(r, NOP, SINK, 31);
  } else {
    put(r, LDR_LITERAL, target(bits(w, 0, 5)), 31);
    putMore(r, 31, SINK, opc as i32, offset);
  }
}

/** Rm's field is the second register. Mode 0 is LDNP and STNP. */
function pair(w: u32, r: usize): void {
  const opc = bits(w, 30, 2);
  const loads = bit(w, 22) !== 0;
  const vector = bit(w, 26) !== 0;
  const mode = bits(w, 23, 2);
  if (opc === 3 || (!vector && opc === 1 && (!loads || mode === 0))) return undefinedRecord(r);
  const scale = vector ? opc + 2 : opc === 2 ? 3 : 2;
  const offset = signed(bits(w, 15, 7), 7) << scale;
  const base = stack(bits(w, 5, 5));
  const back = mode === 1 || mode === 3;
  let op: i32 = 0;
  if (vector) op = loads ? V_LOAD_PAIR : V_STORE_PAIR;
  else if (loads) op = opc === 2 ? LDP64 : opc === 1 ? LDPSW : LDP32;
  else op = opc === 2 ? STP64 : STP32;
  const second = bits(w, 10, 5);
  put(r, op, vector ? bits(w, 0, 5) : transfer(w, loads), base);
  const addressOffset = mode === 1 ? 0 : offset;
  putMore(
    r,
    vector || !loads ? second : target(second),
    back ? base : SINK,
    addressOffset,
    back ? offset : 0,
  );
}

/**
 * Size, then o2, L, o1, o0 in 23, 22, 21, 15: exclusives, ordered accesses, CAS and CASP.
 * Ra's field is log2 of the bytes; the 16-bit number says acquire (1), release (2), loads (4).
 */
function exclusive(w: u32, r: usize): void {
  const size = bits(w, 30, 2);
  const loads = bit(w, 22);
  const o1 = bit(w, 21) !== 0;
  const o0 = bit(w, 15);
  const rs = bits(w, 16, 5);
  const rt2 = bits(w, 10, 5);
  const rt = bits(w, 0, 5);
  const base = stack(bits(w, 5, 5));
  if (bit(w, 23) === 0) {
    if (!o1) {
      // LDXR, LDAXR, STXR, STLXR: the status register is Rm.
      put(r, loads !== 0 ? EXCLUSIVE_LOAD : EXCLUSIVE_STORE, loads !== 0 ? target(rt) : rt, base);
      putMore(r, target(rs), size, (o0 | (loads << 2)) as i32, 31);
    } else if (size >= 2) {
      put(r, loads !== 0 ? PAIR_LOAD : PAIR_STORE, loads !== 0 ? target(rt) : rt, base);
      putMore(r, target(rs), size, o0 as i32, (loads !== 0 ? target(rt2) : rt2) as i32);
    } else {
      // CASP: Rs and Rt are even.
      if (rt2 !== 31 || ((rs | rt) & 1) !== 0) return undefinedRecord(r);
      put(r, COMPARE_SWAP_PAIR, rt, base);
      putMore(r, rs, size + 2, 0, 0);
    }
  } else if (!o1) {
    // LDAR, STLR; the LORegion forms are not in this profile.
    if (o0 === 0) return undefinedRecord(r);
    put(r, ORDERED, loads !== 0 ? target(rt) : rt, base);
    putMore(r, 31, size, (loads << 2) as i32, 0);
  } else {
    if (rt2 !== 31) return undefinedRecord(r);
    put(r, COMPARE_SWAP, rt, base);
    putMore(r, rs, size, 0, 0);
  }
}

/** LDADD and related operations; opc in the 16-bit number: 0 to 7, 8 for SWP. */
function atomicOperation(w: u32, r: usize): void {
  const opc = bits(w, 12, 3);
  const swap = bit(w, 15) !== 0;
  if (swap && opc !== 0) return undefinedRecord(r);
  put(r, ATOMIC, target(bits(w, 0, 5)), stack(bits(w, 5, 5)));
  putMore(r, bits(w, 16, 5), bits(w, 30, 2), swap ? 8 : (opc as i32), 0);
}
