import { SCTLR_EL1, TCR_EL1, TTBR0_EL1, TTBR1_EL1 } from './block';
import { block, ramBase, ramDelta, ramSize } from './context';

export const READ: i32 = 0;
export const WRITE: i32 = 1;
export const FETCH: i32 = 2;
/** An atomic that reads and writes: a fault that a read has too is reported as a read's. */
export const UPDATE: i32 = 3;

/** Fault status codes, ESR_ELx.DFSC and IFSC; the level goes into bits 1:0. */
const ADDRESS_SIZE: u32 = 0x00;
const TRANSLATION: u32 = 0x04;
const ACCESS_FLAG: u32 = 0x08;
const PERMISSION: u32 = 0x0c;
const EXTERNAL_ON_WALK: u32 = 0x14;
export const EXTERNAL: u32 = 0x10;
export const ALIGNMENT: u32 = 0x21;
export const NO_FAULT: u32 = 0xff;

/** Physical addresses have 40 bits: ID_AA64MMFR0_EL1.PARange is 2. */
const PA_BITS: u64 = 40;
const PA_MASK: u64 = (1 << PA_BITS) - 1;

/** Status of the last translation: NO_FAULT, or a fault status code. */
export let fault: u32 = NO_FAULT;
/** MAIR index of the last translation; -1 with the MMU off. */
export let attributeIndex: i32 = 0;

function failed(status: u32): u64 {
  fault = status;
  return 0;
}

/** Physical address size that TCR_EL1.IPS allows, in bits. */
function outputBits(tcr: u64): u64 {
  const ips = (tcr >> 32) & 7;
  if (ips === 0) return 32;
  return ips === 1 ? 36 : PA_BITS;
}

/**
 * Stage 1 of the EL1&0 regime with 4 KiB granules: a physical address, with `fault` set.
 * @param unprivileged - whether EL0's permissions hold
 * @see Arm DDI 0487, "The AArch64 Virtual Memory System Architecture"
 */
export function translate(va: u64, access: i32, unprivileged: boolean): u64 {
  fault = NO_FAULT;
  const sctlr = load<u64>(block, SCTLR_EL1);
  const tcr = load<u64>(block, TCR_EL1);
  const upper = ((va >> 55) & 1) as u32;
  const ignoresTopByte = ((tcr >> (upper !== 0 ? 38 : 37)) & 1) !== 0;
  if ((sctlr & 1) === 0) {
    attributeIndex = -1;
    // With the MMU off TBI still holds for the address; bits above the physical size fault at level 0.
    const pa = ignoresTopByte ? va & 0x00ff_ffff_ffff_ffff : va;
    return (pa & ~PA_MASK) !== 0 ? failed(ADDRESS_SIZE) : pa;
  }
  let size = (upper !== 0 ? (tcr >> 16) & 63 : tcr & 63) as u32;
  if (size > 39) size = 39;
  if (size < 16) size = 16;
  const bits = 64 - size;
  const top = ignoresTopByte ? ((va << 8) as i64) >> 8 : (va as i64);
  const beyond = top >> (bits as i64);
  if (beyond !== (upper !== 0 ? -1 : 0)) return failed(TRANSLATION);
  if (((tcr >> (upper !== 0 ? 23 : 7)) & 1) !== 0) return failed(TRANSLATION);
  const ttbr = upper !== 0 ? load<u64>(block, TTBR1_EL1) : load<u64>(block, TTBR0_EL1);
  const paBits = outputBits(tcr);
  let level: u32 = 4 - (bits - 12 + 8) / 9;
  let table = ttbr & 0x0000_ffff_ffff_fffe;
  if (table >> paBits !== 0) return failed(ADDRESS_SIZE);
  // The first table may be smaller than a page.
  const firstBits: u64 = (bits as u64) - (39 - 9 * (level as u64));
  let index = (va >> (39 - 9 * (level as u64))) & (((1 as u64) << firstBits) - 1);
  table &= ~(((1 as u64) << (firstBits + 3)) - 1);
  // APTable, UXNTable and PXNTable add up on the way.
  let tableLimits: u64 = 0;
  while (true) {
    const at = table + (index << 3);
    if (at - ramBase >= ramSize) return failed(EXTERNAL_ON_WALK | level);
    const entry = atomic.load<u64>((at as usize) + ramDelta);
    if ((entry & 1) === 0) return failed(TRANSLATION | level);
    const output = entry & 0x0000_ffff_ffff_f000;
    const isTable = (entry & 2) !== 0;
    if (level === 3 ? !isTable : level === 0 && !isTable) return failed(TRANSLATION | level);
    if (output >> paBits !== 0) return failed(ADDRESS_SIZE | level);
    if (level < 3 && isTable) {
      tableLimits |= entry >> 59;
      table = output;
      level++;
      index = (va >> (39 - 9 * (level as u64))) & 511;
      continue;
    }
    if ((entry & 0x400) === 0) return failed(ACCESS_FLAG | level);
    if (!permitted(entry, tableLimits, access, unprivileged, sctlr)) return failed(PERMISSION | level);
    attributeIndex = ((entry >> 2) & 7) as i32;
    const within = ((1 as u64) << (39 - 9 * (level as u64))) - 1;
    return (output & ~within) | (va & within);
  }
}

/** @param limits - NSTable 4, APTable 3:2, UXNTable 1, PXNTable 0, of all tables on the way */
function permitted(entry: u64, limits: u64, access: i32, unprivileged: boolean, sctlr: u64): boolean {
  const ap = (entry >> 6) & 3;
  const readOnly = (ap & 2) !== 0 || (limits & 8) !== 0;
  const el0 = (ap & 1) !== 0 && (limits & 4) === 0;
  if (unprivileged && access !== FETCH) return el0 && !(readOnly && access === WRITE);
  if (access === WRITE) return !readOnly;
  if (access === READ) return true;
  const wxn = ((sctlr >> 19) & 1) !== 0;
  if (unprivileged) {
    const uxn = ((entry >> 54) & 1) !== 0 || (limits & 2) !== 0;
    // Without AP[1] the page is execute-only at EL0.
    return !uxn && !(wxn && el0 && !readOnly);
  }
  const pxn = ((entry >> 53) & 1) !== 0 || (limits & 1) !== 0;
  // EL1 never executes memory that EL0 may write.
  return !pxn && !(el0 && !readOnly) && !(wxn && !readOnly);
}
