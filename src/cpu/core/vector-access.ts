/** Loads and stores of SIMD&FP registers. */
import { V } from './block';
import { setX } from './context';
import { abort, faulted } from './exceptions';
import { aligned, baseOf, probeWrite, readSized, writeSized } from './memory';
import { extend, m64 } from './operands';
import * as op from './ops';
import { bit, i1, i2, ra, rd, rm, rn, word } from './record';
import { READ, WRITE } from './translate';

/** @inline */
function low(s: usize, v: u32): usize {
  return s + V + ((v as usize) << 4);
}

/** Loads 2^scale bytes into a register, whose other bytes become zero. */
function loadRegister(s: usize, v: u32, at: u64, scale: u32, slice: i32): void {
  if (!aligned(at, 1 << scale, READ)) return;
  if (scale === 4) {
    const first = readSized(at, 8, false, slice);
    if (faulted !== 0) return;
    const second = readSized(at + 8, 8, false, slice);
    if (faulted !== 0) return;
    store<u64>(low(s, v), first);
    store<u64>(low(s, v), second, 8);
    return;
  }
  const value = readSized(at, 1 << scale, false, slice);
  if (faulted !== 0) return;
  store<u64>(low(s, v), value);
  store<u64>(low(s, v), 0, 8);
}

function storeRegister(s: usize, v: u32, at: u64, scale: u32, slice: i32): void {
  if (!aligned(at, 1 << scale, WRITE)) return;
  if (scale === 4) {
    if (!probeWrite(at, 16)) return;
    writeSized(at, 8, load<u64>(low(s, v)), false, slice);
    writeSized(at + 8, 8, load<u64>(low(s, v), 8), false, slice);
  } else writeSized(at, 1 << scale, load<u64>(low(s, v)), false, slice);
}

/** Pairs are read whole before a register changes, and checked whole before a byte is written. */
function pair(s: usize, r: usize, pc: u64, slice: i32, loads: boolean): u64 {
  const from = baseOf(rn(r));
  const at = from + (i1(r) as i64 as u64);
  const scale = (word(r) >> 30) + 2;
  const bytes: u64 = (1 as u64) << (scale as u64);
  if (!aligned(at, bytes as i32, loads ? READ : WRITE)) return abort(pc);
  if (loads) {
    const quad = scale === 4;
    const width = quad ? 8 : (bytes as i32);
    const a = readSized(at, width, false, slice);
    const b = quad && faulted === 0 ? readSized(at + 8, 8, false, slice) : 0;
    const c = faulted === 0 ? readSized(at + bytes, width, false, slice) : 0;
    const d = quad && faulted === 0 ? readSized(at + 24, 8, false, slice) : 0;
    if (faulted !== 0) return abort(pc);
    store<u64>(low(s, rd(r)), a);
    store<u64>(low(s, rd(r)), b, 8);
    store<u64>(low(s, rm(r)), c);
    store<u64>(low(s, rm(r)), d, 8);
  } else {
    if (!probeWrite(at, (bytes as i32) << 1)) return abort(pc);
    storeRegister(s, rd(r), at, scale, slice);
    if (faulted === 0) storeRegister(s, rm(r), at + bytes, scale, slice);
    if (faulted !== 0) return abort(pc);
  }
  setX(ra(r), from + (i2(r) as i64 as u64));
  return pc + 4;
}

export function executeVectorAccess(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  switch (operation) {
    case op.V_LOAD:
    case op.V_STORE: {
      const from = baseOf(rn(r));
      if (faulted !== 0) return abort(pc);
      const moved = from + (i2(r) as i64 as u64);
      const at = i1(r) !== 0 ? from : moved;
      if (operation === op.V_LOAD) loadRegister(s, rd(r), at, rm(r), slice);
      else storeRegister(s, rd(r), at, rm(r), slice);
      if (faulted !== 0) return abort(pc);
      setX(ra(r), moved);
      return pc + 4;
    }
    case op.V_LOAD_R:
    case op.V_STORE_R: {
      const from = baseOf(rn(r));
      if (faulted !== 0) return abort(pc);
      const option = i1(r);
      const at = from + (extend(m64(s, r), option & 7) << ((option >> 3) as u64));
      if (operation === op.V_LOAD_R) loadRegister(s, rd(r), at, ra(r), slice);
      else storeRegister(s, rd(r), at, ra(r), slice);
      return faulted !== 0 ? abort(pc) : pc + 4;
    }
    case op.V_LOAD_PAIR:
      return pair(s, r, pc, slice, true);
    case op.V_STORE_PAIR:
      return pair(s, r, pc, slice, false);
    case op.V_LITERAL:
      loadRegister(s, rd(r), pc + (i2(r) as i64 as u64), i1(r) as u32, slice);
      return faulted !== 0 ? abort(pc) : pc + 4;
    case op.V_STRUCTURES:
      return structures(s, r, pc, slice);
    default:
      return structure(s, r, pc, slice);
  }
}

/** Base register afterwards: Rn + bytes, or Rn + Rm, where the word says so. */
function advance(s: usize, r: usize, base: u64, bytes: u64): void {
  if (i1(r) === 0) return;
  setX(rn(r), base + (rm(r) === 31 ? bytes : m64(s, r)));
}

function element(s: usize, v: u32, index: u32, scale: u32): u64 {
  const at = low(s, v & 31) + ((index as usize) << (scale as usize));
  if (scale === 0) return load<u8>(at);
  if (scale === 1) return load<u16>(at);
  if (scale === 2) return load<u32>(at);
  return load<u64>(at);
}

function setElement(s: usize, v: u32, index: u32, scale: u32, value: u64): void {
  const at = low(s, v & 31) + ((index as usize) << (scale as usize));
  if (scale === 0) store<u8>(at, value as u8);
  else if (scale === 1) store<u16>(at, value as u16);
  else if (scale === 2) store<u32>(at, value as u32);
  else store<u64>(at, value);
}

/** LD1 to LD4, ST1 to ST4 of whole registers. Registers loaded before a fault keep the new value, as the architecture allows. */
function structures(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const w = word(r);
  const loads = bit(w, 22) !== 0;
  const quad = bit(w, 30) !== 0;
  const scale = i2(r) as u32;
  const opcode = ra(r);
  let repeat: u32 = 1;
  let selem: u32 = 1;
  if (opcode === 0) selem = 4;
  else if (opcode === 2) repeat = 4;
  else if (opcode === 4) selem = 3;
  else if (opcode === 6) repeat = 3;
  else if (opcode === 8) selem = 2;
  else if (opcode === 10) repeat = 2;
  const base = baseOf(rn(r));
  if (faulted !== 0) return abort(pc);
  const elements: u32 = (quad ? 16 : 8) >> scale;
  const bytes: u64 = ((elements * repeat * selem) << scale) as u64;
  if (!aligned(base, 1 << scale, loads ? READ : WRITE)) return abort(pc);
  // All of it must be accessible before anything changes.
  if (loads ? !readable(base, bytes as i32, slice) : !probeWrite(base, bytes as i32)) return abort(pc);
  let at = base;
  for (let register: u32 = 0; register < repeat; register++) {
    for (let index: u32 = 0; index < elements; index++) {
      for (let part: u32 = 0; part < selem; part++) {
        const v = rd(r) + register + part;
        if (loads) setElement(s, v, index, scale, readSized(at, 1 << scale, false, slice));
        else writeSized(at, 1 << scale, element(s, v, index, scale), false, slice);
        if (faulted !== 0) return abort(pc);
        at += (1 as u64) << (scale as u64);
      }
    }
  }
  if (loads && !quad) {
    for (let part: u32 = 0; part < repeat * selem; part++) store<u64>(low(s, (rd(r) + part) & 31), 0, 8);
  }
  advance(s, r, base, bytes);
  return pc + 4;
}

/** Whether every page of a range can be read. */
function readable(at: u64, bytes: i32, slice: i32): boolean {
  readSized(at, 1, false, slice);
  if (faulted !== 0) return false;
  const last = at + ((bytes - 1) as u64);
  if (last >> 12 !== at >> 12) readSized(last & ~(0xfff as u64), 1, false, slice);
  return faulted === 0;
}

/** LD1 to LD4, ST1 to ST4 of one element, and LD1R to LD4R. */
function structure(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const w = word(r);
  const loads = bit(w, 22) !== 0;
  const opcode = ra(r) >> 1;
  const size = i2(r) as u32;
  const selem = ((opcode & 1) << 1) + bit(w, 21) + 1;
  const replicate = opcode >= 6;
  let scale = opcode >> 1;
  let index: u32 = 0;
  const q = bit(w, 30);
  if (replicate) scale = size;
  else if (scale === 0) index = (q << 3) | (bit(w, 12) << 2) | size;
  else if (scale === 1) index = (q << 2) | (bit(w, 12) << 1) | (size >> 1);
  else if ((size & 1) === 0) index = (q << 1) | bit(w, 12);
  else {
    index = q;
    scale = 3;
  }
  const base = baseOf(rn(r));
  if (faulted !== 0) return abort(pc);
  const bytes = (selem << scale) as u64;
  if (!aligned(base, 1 << scale, loads ? READ : WRITE)) return abort(pc);
  if (loads ? !readable(base, bytes as i32, slice) : !probeWrite(base, bytes as i32)) return abort(pc);
  let at = base;
  for (let part: u32 = 0; part < selem; part++) {
    const v = rd(r) + part;
    if (loads) {
      const value = readSized(at, 1 << scale, false, slice);
      if (faulted !== 0) return abort(pc);
      if (replicate) replicated(s, v & 31, scale, value, q !== 0);
      else setElement(s, v, index, scale, value);
    } else {
      writeSized(at, 1 << scale, element(s, v, index, scale), false, slice);
      if (faulted !== 0) return abort(pc);
    }
    at += (1 as u64) << (scale as u64);
  }
  advance(s, r, base, bytes);
  return pc + 4;
}

function replicated(s: usize, v: u32, scale: u32, value: u64, quad: boolean): void {
  const times: u64 =
    scale === 0
      ? 0x0101_0101_0101_0101
      : scale === 1
        ? 0x0001_0001_0001_0001
        : scale === 2
          ? 0x1_0000_0001
          : 1;
  store<u64>(low(s, v), value * times);
  store<u64>(low(s, v), quad ? value * times : 0, 8);
}
