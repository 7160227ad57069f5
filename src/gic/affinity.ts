import type { VcpuId } from '../arch/intid.ts';

/** log2 of the vCPUs that share Aff1 and above: 16, because an SGI's target list has 16 bits. */
const CLUSTER_BITS = 4;

/**
 * The affinity of a vCPU, as KVM and QEMU's virt machine number them: Aff0 0 to 15, Aff1 the cluster of 16.
 * Aff0 in bits 7:0, Aff1 in 15:8, Aff2 in 23:16, Aff3 in 31:24, as in the upper half of GICR_TYPER.
 * @see reset_mpidr in KVM's sys_regs.c
 */
export function affinityOf(vcpu: VcpuId): number {
  return (vcpu & 0xf) | (((vcpu >>> CLUSTER_BITS) & 0xff) << 8) | (((vcpu >>> 12) & 0xff) << 16);
}

/** The vCPU with an affinity that {@link affinityOf} gives, or -1 if none of the first `vcpus` has that affinity. */
export function vcpuWith(affinity: number, vcpus: number): VcpuId {
  if ((affinity & 0xff00_00f0) !== 0) return -1;
  const vcpu: VcpuId =
    (affinity & 0xf) | (((affinity >>> 8) & 0xff) << CLUSTER_BITS) | ((affinity >>> 16) << 12);
  return vcpu < vcpus ? vcpu : -1;
}
