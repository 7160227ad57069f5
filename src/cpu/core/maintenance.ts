/** SYS: cache and TLB maintenance, DC ZVA, address translation. */
import { PAR_EL1, SCTLR_EL1 } from './block';
import { flushAll } from './broadcast';
import { block, currentEl } from './context';
import { abort, dataFault, faulted, undefined_ } from './exceptions';
import { atomicAddress, flushTlb, isRam } from './memory';
import { n64 } from './operands';
import { i2 } from './record';
import { drain } from './store-buffer';
import { trapAccess } from './system';
import { attributeIndex, EXTERNAL, fault, NO_FAULT, READ, translate, WRITE } from './translate';

/** CRm of TLBI for all vCPUs. */
const INNER_SHAREABLE: i32 = 3;
const SCTLR_DZE: u64 = 14;
const SCTLR_UCI: u64 = 26;
/** ISS bits of cache maintenance: CM and WnR. */
const CM_WNR: u32 = (1 << 8) | (1 << 6);
/** Bytes that DC ZVA clears: DCZID_EL0.BS is 4. */
const ZVA: u64 = 64;

/** op1 13:11, CRn 10:7, CRm 6:3, op2 2:0 of SYS, whose op0 is 1. */
function key(op1: i32, crn: i32, crm: i32, op2: i32): i32 {
  return (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

export function executeMaintenance(s: usize, r: usize, pc: u64): u64 {
  const which = i2(r) & 0x3fff;
  const address = n64(s, r);
  const crn = (which >> 7) & 15;
  const el0 = currentEl() === 0;
  if (which === key(3, 7, 4, 1)) return zero(r, pc, address);
  // IC IVAU, DC CVAC, CVAU, CIVAC. Not CVAP, which needs FEAT_DPB.
  if (
    which === key(3, 7, 5, 1) ||
    which === key(3, 7, 10, 1) ||
    which === key(3, 7, 11, 1) ||
    which === key(3, 7, 14, 1)
  ) {
    if (el0 && ((load<u64>(block, SCTLR_EL1) >> SCTLR_UCI) & 1) === 0) return trapAccess(r, pc);
    return clean(pc, address, el0);
  }
  if (el0) return undefined_(pc);
  if (crn === 8) {
    if (!isTlbi(which)) return undefined_(pc);
    drain();
    if (((which >> 3) & 15) === INNER_SHAREABLE) flushAll();
    else flushTlb();
    return pc + 4;
  }
  if (which === key(0, 7, 6, 1)) return clean(pc, address, false);
  // IC IALLUIS, IC IALLU, DC ISW, DC CSW, DC CISW.
  if (
    which === key(0, 7, 1, 0) ||
    which === key(0, 7, 5, 0) ||
    which === key(0, 7, 6, 2) ||
    which === key(0, 7, 10, 2) ||
    which === key(0, 7, 14, 2)
  ) {
    return pc + 4;
  }
  if ((which & ~3) === key(0, 7, 8, 0)) return translateAddress(which & 3, pc, address);
  return undefined_(pc);
}

/** TLBI VMALLE1, VAE1, ASIDE1, VAAE1, VALE1, VAALE1, of this vCPU (CRm 7) or of all (CRm 3). */
function isTlbi(which: i32): boolean {
  const crm = (which >> 3) & 15;
  const op2 = which & 7;
  return which >> 11 === 0 && (crm === 3 || crm === 7) && op2 !== 4 && op2 !== 6;
}

function zero(r: usize, pc: u64, address: u64): u64 {
  if (currentEl() === 0 && ((load<u64>(block, SCTLR_EL1) >> SCTLR_DZE) & 1) === 0) return trapAccess(r, pc);
  const from = address & ~(ZVA - 1);
  drain();
  const at = atomicAddress(from, ZVA as i32, WRITE);
  if (faulted !== 0) {
    // FAR is the operand's address, not the address rounded down.
    dataFault(address, (fault !== NO_FAULT ? fault : EXTERNAL) | (1 << 6));
    return abort(pc);
  }
  memory.fill(at, 0, ZVA as usize);
  return pc + 4;
}

/** Cache maintenance by address. Caches are coherent, so only the translation's faults remain. */
function clean(pc: u64, address: u64, el0: boolean): u64 {
  translate(address, READ, el0);
  if (fault === NO_FAULT) return pc + 4;
  dataFault(address, fault | CM_WNR);
  return abort(pc);
}

/** AT S1E1R 0, S1E1W 1, S1E0R 2, S1E0W 3. */
function translateAddress(kind: i32, pc: u64, address: u64): u64 {
  const pa = translate(address, (kind & 1) !== 0 ? WRITE : READ, (kind & 2) !== 0);
  // RAM is Normal, inner shareable memory; all else is Device memory.
  const attributes: u64 = isRam(pa) && attributeIndex >= 0 ? ((0xff as u64) << 56) | (3 << 7) : 2 << 7;
  const good = (pa & 0x0000_ffff_ffff_f000) | attributes | 0x800;
  store<u64>(block, fault === NO_FAULT ? good : 0x801 | ((fault as u64) << 1), PAR_EL1);
  return pc + 4;
}
