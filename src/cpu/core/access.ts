/** Rarer loads and stores: ordered, exclusive, atomic, unprivileged. */
import { EXCLUSIVE_AT, EXCLUSIVE_HIGH, EXCLUSIVE_LOW } from './block';
import { block, getX, setX } from './context';
import { abort, faulted } from './exceptions';
import { atomicAddress, baseOf, read32, read64, readSized, writeSized } from './memory';
import { address, d64, LOW, m64, n64, set, sign8, sign16, sign32, stored, writeBack } from './operands';
import * as op from './ops';
import { cas128, lockPairs, unlockPairs } from './pair-lock';
import { i1, i2, ra, rd, rm, rn } from './record';
import { bufferedRead, buffering, drain } from './store-buffer';
import { READ, UPDATE, WRITE } from './translate';

const OPEN: u64 = ~(0 as u64);
const LOADS: i32 = 4;
const SWAP: i32 = 8;

export function executeAccess(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  switch (operation) {
    case op.LDR_LITERAL:
      return literal(s, r, pc, slice);
    case op.LDPSW:
      return pairSigned(s, r, pc, slice);
    case op.UNPRIVILEGED:
      return unprivileged(s, r, pc, slice);
    case op.ORDERED:
      return ordered(s, r, pc);
    case op.EXCLUSIVE_LOAD:
      return exclusiveLoad(s, r, pc);
    case op.EXCLUSIVE_STORE:
      return exclusiveStore(s, r, pc);
    case op.PAIR_LOAD:
      return pairLoad(r, pc);
    case op.PAIR_STORE:
      return pairStore(s, r, pc);
    case op.COMPARE_SWAP:
      return compareSwap(s, r, pc);
    case op.COMPARE_SWAP_PAIR:
      return compareSwapPair(r, pc);
    default:
      return atomicOperation(s, r, pc);
  }
}

function literal(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = pc + (i2(r) as i64 as u64);
  const value = i1(r) === 1 ? read64(at, slice) : read32(at, slice);
  if (faulted !== 0) return abort(pc);
  return set(s, r, pc, i1(r) === 2 ? sign32(value) : value);
}

function pairSigned(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  const first = read32(at, slice);
  const second = read32(at + 4, slice);
  if (faulted !== 0) return abort(pc);
  const base = n64(s, r);
  setX(rm(r), sign32(second));
  set(s, r, pc, sign32(first));
  writeBack(s, r, base);
  return pc + 4;
}

/** Size in bits 3:2 of Rm's field, opc in 1:0. */
function unprivileged(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const at = address(r);
  const kind = rm(r);
  const bytes = 1 << (kind >> 2);
  if ((kind & 3) === 0) return stored(s, r, pc, writeSized(at, bytes, d64(s, r), true, slice));
  const raw = readSized(at, bytes, true, slice);
  if (faulted !== 0) return abort(pc);
  if ((kind & 3) === 1) return set(s, r, pc, raw);
  const value = bytes === 1 ? sign8(raw) : bytes === 2 ? sign16(raw) : sign32(raw);
  return set(s, r, pc, (kind & 3) === 3 ? value & LOW : value);
}

export function atomicLoad(at: usize, bytes: i32): u64 {
  if (bytes === 8) return atomic.load<u64>(at);
  if (bytes === 4) return atomic.load<u32>(at);
  if (bytes === 2) return atomic.load<u16>(at);
  return atomic.load<u8>(at);
}

function atomicStore(at: usize, bytes: i32, value: u64): void {
  if (bytes === 8) atomic.store<u64>(at, value);
  else if (bytes === 4) atomic.store<u32>(at, value as u32);
  else if (bytes === 2) atomic.store<u16>(at, value as u16);
  else atomic.store<u8>(at, value as u8);
}

/** Compare-and-exchange; returns the old value. */
function exchangeIf(at: usize, bytes: i32, expected: u64, value: u64): u64 {
  if (bytes === 8) return atomic.cmpxchg<u64>(at, expected, value);
  if (bytes === 4) return atomic.cmpxchg<u32>(at, expected as u32, value as u32);
  if (bytes === 2) return atomic.cmpxchg<u16>(at, expected as u16, value as u16);
  return atomic.cmpxchg<u8>(at, expected as u8, value as u8);
}

/** LDAR and STLR. A release store drains the store buffer, itself included. */
function ordered(s: usize, r: usize, pc: u64): u64 {
  const bytes = 1 << ra(r);
  const loads = (i1(r) & LOADS) !== 0;
  const at = atomicAddress(baseOf(rn(r)), bytes, loads ? READ : WRITE);
  if (faulted !== 0) return abort(pc);
  if (loads) return set(s, r, pc, buffering ? bufferedRead(at, bytes) : atomicLoad(at, bytes));
  drain();
  atomicStore(at, bytes, d64(s, r));
  return pc + 4;
}

function monitor(va: u64, low: u64): void {
  store<u64>(block, va, EXCLUSIVE_AT);
  store<u64>(block, low, EXCLUSIVE_LOW);
}

/** Whether a store-exclusive finds its reservation. Clears the reservation in any case. */
function reserved(va: u64): boolean {
  const matches = load<u64>(block, EXCLUSIVE_AT) === va;
  store<u64>(block, OPEN, EXCLUSIVE_AT);
  return matches;
}

/** Rs of a store-exclusive is Rm's field. */
function status(r: usize, pc: u64, value: u64): u64 {
  setX(rm(r), value);
  return pc + 4;
}

function maskOf(bytes: i32): u64 {
  return bytes === 8 ? ~(0 as u64) : ((1 as u64) << ((bytes << 3) as u64)) - 1;
}

function exclusiveLoad(s: usize, r: usize, pc: u64): u64 {
  const bytes = 1 << ra(r);
  const va = baseOf(rn(r));
  const at = atomicAddress(va, bytes, READ);
  if (faulted !== 0) return abort(pc);
  drain();
  const value = atomicLoad(at, bytes);
  monitor(va, value);
  return set(s, r, pc, value);
}

/**
 * The reservation is valid while memory has the loaded value: another vCPU's store of the same value does not break it, as in QEMU.
 */
function exclusiveStore(s: usize, r: usize, pc: u64): u64 {
  const bytes = 1 << ra(r);
  const va = baseOf(rn(r));
  if (faulted !== 0) return abort(pc);
  if (!reserved(va)) return status(r, pc, 1);
  const at = atomicAddress(va, bytes, UPDATE);
  if (faulted !== 0) return abort(pc);
  drain();
  const expected = load<u64>(block, EXCLUSIVE_LOW);
  const done = exchangeIf(at, bytes, expected, d64(s, r) & maskOf(bytes)) === expected;
  return status(r, pc, done ? 0 : 1);
}

/** LDXP and LDAXP: 32-bit pairs are one 64-bit access, 64-bit pairs go under a lock. */
function pairLoad(r: usize, pc: u64): u64 {
  const bytes = 2 << ra(r);
  const va = baseOf(rn(r));
  const at = atomicAddress(va, bytes, READ);
  if (faulted !== 0) return abort(pc);
  drain();
  if (bytes === 8) {
    const both = atomic.load<u64>(at);
    monitor(va, both);
    setX(rd(r), both & LOW);
    setX(i2(r) as u32, both >> 32);
  } else {
    lockPairs();
    const low = atomic.load<u64>(at);
    const high = atomic.load<u64>(at + 8);
    unlockPairs();
    monitor(va, low);
    store<u64>(block, high, EXCLUSIVE_HIGH);
    setX(rd(r), low);
    setX(i2(r) as u32, high);
  }
  return pc + 4;
}

function pairStore(s: usize, r: usize, pc: u64): u64 {
  const bytes = 2 << ra(r);
  const va = baseOf(rn(r));
  if (faulted !== 0) return abort(pc);
  if (!reserved(va)) return status(r, pc, 1);
  const at = atomicAddress(va, bytes, UPDATE);
  if (faulted !== 0) return abort(pc);
  drain();
  const low = load<u64>(block, EXCLUSIVE_LOW);
  const second = getX(i2(r) as u32);
  if (bytes === 8) {
    const both = (d64(s, r) & LOW) | (second << 32);
    return status(r, pc, atomic.cmpxchg<u64>(at, low, both) === low ? 0 : 1);
  }
  const high = load<u64>(block, EXCLUSIVE_HIGH);
  return status(r, pc, cas128(at, low, high, d64(s, r), second) ? 0 : 1);
}

function compareSwap(s: usize, r: usize, pc: u64): u64 {
  const bytes = 1 << ra(r);
  const at = atomicAddress(baseOf(rn(r)), bytes, UPDATE);
  if (faulted !== 0) return abort(pc);
  drain();
  const mask = maskOf(bytes);
  const old = exchangeIf(at, bytes, m64(s, r) & mask, d64(s, r) & mask);
  if (rm(r) !== 31) setX(rm(r), old);
  return pc + 4;
}

/** CASP: Rs and Rs+1 are compared, Rt and Rt+1 stored. Register 31 of a pair reads as zero and takes nothing. */
function compareSwapPair(r: usize, pc: u64): u64 {
  const bytes = 2 << ra(r);
  const at = atomicAddress(baseOf(rn(r)), bytes, UPDATE);
  if (faulted !== 0) return abort(pc);
  drain();
  const rs = rm(r);
  const rt = rd(r);
  if (bytes === 8) {
    const expected = (getX(rs) & LOW) | (getX(rs + 1) << 32);
    const old = atomic.cmpxchg<u64>(at, expected, (getX(rt) & LOW) | (getX(rt + 1) << 32));
    setX(rs, old & LOW);
    if (rs + 1 !== 31) setX(rs + 1, old >> 32);
    return pc + 4;
  }
  const low = getX(rs);
  const high = getX(rs + 1);
  lockPairs();
  const oldLow = atomic.load<u64>(at);
  const oldHigh = atomic.load<u64>(at + 8);
  if (oldLow === low && oldHigh === high) {
    atomic.store<u64>(at, getX(rt));
    atomic.store<u64>(at + 8, getX(rt + 1));
  }
  unlockPairs();
  setX(rs, oldLow);
  if (rs + 1 !== 31) setX(rs + 1, oldHigh);
  return pc + 4;
}

/** New value of LDADD 0, CLR 1, EOR 2, SET 3, SMAX 4, SMIN 5, UMAX 6, UMIN 7, SWP 8. */
function combine(kind: i32, old: u64, operand: u64, bytes: i32): u64 {
  const unused = (64 - (bytes << 3)) as u64;
  const a = old << unused;
  const b = operand << unused;
  switch (kind) {
    case 0:
      return old + operand;
    case 1:
      return old & ~operand;
    case 2:
      return old ^ operand;
    case 3:
      return old | operand;
    case 4:
      return (a as i64) > (b as i64) ? old : operand;
    case 5:
      return (a as i64) < (b as i64) ? old : operand;
    case 6:
      return a > b ? old : operand;
    case 7:
      return a < b ? old : operand;
    default:
      return operand;
  }
}

function atomicOperation(s: usize, r: usize, pc: u64): u64 {
  const bytes = 1 << ra(r);
  const at = atomicAddress(baseOf(rn(r)), bytes, UPDATE);
  if (faulted !== 0) return abort(pc);
  drain();
  const kind = i1(r);
  const operand = m64(s, r);
  const mask = maskOf(bytes);
  while (true) {
    const old = atomicLoad(at, bytes);
    const value = (kind === SWAP ? operand : combine(kind, old, operand, bytes)) & mask;
    if (exchangeIf(at, bytes, old, value) === old) return set(s, r, pc, old);
  }
}
