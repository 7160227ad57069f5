import { type Interrupts, NONE } from '../gic/interrupts.ts';
import { FIRST_PPI, FIRST_SPI, PRIVATE_INTIDS } from '../gic/intid.ts';
import { KvmError } from './kvm-error.ts';

const CALL = 'KVM_IRQ_LINE';

/** KVM_ARM_IRQ_TYPE_*: there is no type for an SGI or an LPI. */
export const IRQ_TYPE_CPU = 0;
export const IRQ_TYPE_SPI = 1;
export const IRQ_TYPE_PPI = 2;

/** The fields of `kvm_irq_level.irq` on arm64. `intid` is the INTID, unlike an irqfd's pin. @see api.rst 4.25 */
export type IrqLineName = { readonly type: number; readonly vcpu: number; readonly intid: number };

/** Packs `vcpu2_index[31:28] irq_type[27:24] vcpu_index[23:16] irq_id[15:0]`. Unsigned. */
export function packIrqLine({ type, vcpu, intid }: IrqLineName): number {
  return (((vcpu >> 8) << 28) | (type << 24) | ((vcpu & 0xff) << 16) | intid) >>> 0;
}

export function unpackIrqLine(irq: number): IrqLineName {
  return { type: (irq >>> 24) & 0xf, vcpu: ((irq >>> 28) << 8) | ((irq >>> 16) & 0xff), intid: irq & 0xffff };
}

/**
 * KVM_IRQ_LINE: moves an input wire by its INTID. It never consults the GSI routing table.
 * @param irq - packed; see {@link packIrqLine}
 * @throws KvmError EINVAL, ENXIO by KVM's checks. Any thread.
 * @see kvm_vm_ioctl_irq_line in arm.c
 */
export function irqLine(interrupts: Interrupts, irq: number, level: boolean): void {
  const { type, vcpu, intid } = unpackIrqLine(irq);
  if (type === IRQ_TYPE_CPU) {
    throw new KvmError(
      CALL,
      'ENXIO',
      'type CPU is for a GIC in userspace; this VM has one in the kernel: use SPI (1) or PPI (2)',
    );
  }
  if (type === IRQ_TYPE_PPI) {
    if (vcpu >= interrupts.vcpus)
      throw new KvmError(CALL, 'EINVAL', `vCPUs are 0 to ${interrupts.vcpus - 1}, not ${vcpu}`);
    if (intid < FIRST_PPI || intid >= PRIVATE_INTIDS)
      throw new KvmError(CALL, 'EINVAL', `a PPI is INTID 16 to 31, not ${intid}`);
    interrupts.drive(interrupts.find(vcpu, intid), intid, level);
    return;
  }
  if (type !== IRQ_TYPE_SPI)
    throw new KvmError(CALL, 'EINVAL', `irq_type is 1 (SPI) or 2 (PPI), not ${type}`);
  const at = interrupts.find(0, intid);
  if (intid < FIRST_SPI || intid >= interrupts.endSpi || at === NONE) {
    throw new KvmError(
      CALL,
      'EINVAL',
      `an SPI of this VM is INTID ${FIRST_SPI} to ${interrupts.endSpi - 1}, not ${intid}`,
    );
  }
  interrupts.drive(at, intid, level);
}
