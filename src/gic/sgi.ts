import type { Intid, VcpuId } from '../arch/intid.ts';
import { vcpuWith } from './affinity.ts';
import type { Interrupts } from './interrupts.ts';
import { GROUP1, LATCH } from './state.ts';

/** Which register an SGI is sent through: SGI1R for group 1, the other two for group 0. */
export type SgiRegister = 'SGI1R' | 'ASGI1R' | 'SGI0R';

const TARGET_LIST_BITS = 16;

/**
 * Sends an SGI as a write to ICC_SGI1R_EL1, ICC_ASGI1R_EL1 or ICC_SGI0R_EL1 does. Targets that do not exist are ignored;
 * two sends before the first is taken are one interrupt. Any thread, for `sender`.
 * RS (47:44) is ignored: ICC_CTLR_EL1.RSS is 0.
 * @param value - the 64 bits written: TargetList 15:0, Aff1 23:16, INTID 27:24, Aff2 39:32, IRM 40, Aff3 55:48
 * @param anyGroup - whether SGI1R raises the SGI whatever its group is at the target (KVM), or in group 1 only
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

/** The value to write into ICC_SGI1R_EL1 for an SGI to `targets`, vCPUs of one cluster of 16, or to all others. */
export function sgiTo(intid: Intid, targets: readonly VcpuId[] | 'others'): bigint {
  const head = BigInt(intid & 0xf) << 24n;
  if (targets === 'others') return head | (1n << 40n);
  const cluster = (targets[0] ?? 0) >>> 4;
  const list = targets.reduce((bits, target) => bits | (1 << (target & 0xf)), 0);
  return head | BigInt(list) | (BigInt(cluster & 0xff) << 16n) | (BigInt((cluster >>> 8) & 0xff) << 32n);
}
