import type { Intid, VcpuId } from '../arch/intid.ts';
import { vcpuWith } from './affinity.ts';
import type { Interrupts } from './interrupts.ts';
import { GROUP1, LATCH } from './state.ts';

/** The ICC register that sends an SGI: SGI1R for group 1, ASGI1R and SGI0R for group 0. */
export type SgiRegister = 'SGI1R' | 'ASGI1R' | 'SGI0R';

const TARGET_LIST_BITS = 16;

/**
 * Sends an SGI: the effect of a write to ICC_SGI1R_EL1, ICC_ASGI1R_EL1 or ICC_SGI0R_EL1. Ignores targets that do not exist, and RS
 * (47:44), because ICC_CTLR_EL1.RSS is 0. Two sends before the first acknowledge merge. Any thread, for `sender`.
 * @param value - the 64 bits written: TargetList 15:0, Aff1 23:16, INTID 27:24, Aff2 39:32, IRM 40, Aff3 55:48
 * @param anyGroup - SGI1R raises an SGI of either group at the target (true, KVM) or of group 1 only (false)
 * @see vgic_v3_dispatch_sgi in vgic-mmio-v3.c
 */
export function sendSgi(
  interrupts: Interrupts,
  sender: number,
  register: SgiRegister,
  value: bigint,
  anyGroup: boolean,
): void {
  const low = Number(value & 0xffff_ffffn);
  const high = Number((value >> 32n) & 0xffff_ffffn);
  // guard: sgi-intid-bits
  const intid: Intid = (low >>> 24) & 0xf;
  const raise = (target: VcpuId) => {
    const at = interrupts.find(target, intid);
    const inGroup1 = (interrupts.state(at) & GROUP1) !== 0;
    // guard: sgi-group-is-checked
    if (register === 'SGI1R' ? anyGroup || inGroup1 : !inGroup1) interrupts.change(at, intid, 0, LATCH);
  };
  if ((high & (1 << 8)) !== 0) {
    // guard: sgi-spares-sender
    for (let target = 0; target < interrupts.vcpus; target++) if (target !== sender) raise(target);
    return;
  }
  const cluster = ((low >>> 8) & 0xff00) | ((high & 0xff) << 16) | (((high >>> 16) & 0xff) << 24);
  // guard: sgi-target-list
  for (let bit = 0; bit < TARGET_LIST_BITS; bit++) {
    if ((low & (1 << bit)) === 0) continue;
    const target = vcpuWith(cluster | bit, interrupts.vcpus);
    if (target >= 0) raise(target);
  }
}

/** The value for ICC_SGI1R_EL1 that sends an SGI to `targets`, vCPUs of one cluster of 16, or to all other vCPUs. */
export function sgiTo(intid: Intid, targets: readonly VcpuId[] | 'others'): bigint {
  const head = BigInt(intid & 0xf) << 24n;
  if (targets === 'others') return head | (1n << 40n);
  const cluster = (targets[0] ?? 0) >>> 4;
  const list = targets.reduce((bits, target) => bits | (1 << (target & 0xf)), 0);
  return head | BigInt(list) | (BigInt(cluster & 0xff) << 16n) | (BigInt((cluster >>> 8) & 0xff) << 32n);
}
