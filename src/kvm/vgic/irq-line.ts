import {
  FIRST_LPI,
  FIRST_PPI,
  FIRST_SPI,
  type Intid,
  PRIVATE_INTIDS,
  type VcpuId,
} from '../../arch/intid.ts';
import { type Interrupts, NONE } from '../../gic/interrupts.ts';
import { KvmError } from '../kvm-error.ts';
import type { ArchTimers } from '../timer/arch-timers.ts';
import { VGIC_NONE, VGIC_V2, type VgicState } from './vgic-state.ts';

const CALL = 'KVM_IRQ_LINE';

/** KVM_ARM_IRQ_TYPE_*: SGIs and LPIs have no type. */
export const IRQ_TYPE_CPU = 0;
export const IRQ_TYPE_SPI = 1;
export const IRQ_TYPE_PPI = 2;

/** The fields of `kvm_irq_level.irq` on arm64. `intid` is the INTID, unlike an irqfd's pin. @see api.rst 4.25 */
export type IrqLineName = { readonly type: number; readonly vcpu: VcpuId; readonly intid: Intid };

/** Packs `vcpu2_index[31:28] irq_type[27:24] vcpu_index[23:16] irq_id[15:0]`. Unsigned. */
export function packIrqLine({ type, vcpu, intid }: IrqLineName): number {
  return (((vcpu >> 8) << 28) | (type << 24) | ((vcpu & 0xff) << 16) | intid) >>> 0;
}

export function unpackIrqLine(irq: number): IrqLineName {
  return { type: (irq >>> 24) & 0xf, vcpu: ((irq >>> 28) << 8) | ((irq >>> 16) & 0xff), intid: irq & 0xffff };
}

/** The parts of the VM behind KVM_IRQ_LINE. */
export type LineParts = {
  readonly interrupts: Interrupts;
  readonly vgic: VgicState;
  readonly timers: ArchTimers | undefined;
  /** Initialises a GICv2 at first use: a GICv2 needs no CTRL_INIT. */
  readonly initialise: () => void;
};

/**
 * KVM_IRQ_LINE: drives an input wire by its INTID, past the GSI routing table.
 *
 * The checks follow KVM's order, with one deviation: in KVM, type SPI with the INTID of an existing LPI latches that
 * LPI; here it is EINVAL.
 * @param irq - packed; see {@link packIrqLine}
 * @throws KvmError EINVAL, ENXIO, EBUSY. Any thread.
 * @see kvm_vm_ioctl_irq_line in arm.c, kvm_vgic_inject_irq in vgic.c
 */
export function irqLine(parts: LineParts, irq: number, level: boolean): void {
  const { interrupts, vgic } = parts;
  const name = unpackIrqLine(irq);
  checkName(parts, name);
  // Wires of a vCPU to an irqchip in userspace: this machine always has a GIC, so they lead nowhere.
  if (name.type === IRQ_TYPE_CPU) return;
  if (!vgic.initialised) {
    if (vgic.model !== VGIC_V2) {
      throw new KvmError(
        CALL,
        'EBUSY',
        'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first',
      );
    }
    parts.initialise();
  }
  const { intid } = name;
  const vcpu = name.type === IRQ_TYPE_PPI ? name.vcpu : 0;
  const at = intid < FIRST_LPI ? interrupts.find(vcpu, intid) : NONE;
  if (at === NONE) {
    const last = interrupts.endSpi - 1;
    throw new KvmError(CALL, 'EINVAL', `an SPI of this VM is INTID ${FIRST_SPI} to ${last}, not ${intid}`);
  }
  // An in-kernel device owns the wire: KVM reports success and does nothing.
  if (intid < PRIVATE_INTIDS && (vgic.isOwned(intid) || parts.timers?.vcpus[vcpu]?.isOwner(intid))) return;
  interrupts.drive(at, intid, level);
}

function checkName({ vgic }: LineParts, { type, vcpu, intid }: IrqLineName): void {
  const hasGic = vgic.model !== VGIC_NONE;
  const refuse = (errno: 'EINVAL' | 'ENXIO', rule: string) => new KvmError(CALL, errno, rule);
  const needVcpu = () => {
    const vcpus = vgic.onlineVcpus;
    if (vcpu >= vcpus) throw refuse('EINVAL', `vCPUs are 0 to ${vcpus - 1}, not ${vcpu}`);
  };
  if (type === IRQ_TYPE_CPU) {
    if (hasGic)
      throw refuse(
        'ENXIO',
        'type CPU is for a GIC in userspace; this VM has one in the kernel: use SPI (1) or PPI (2)',
      );
    needVcpu();
    if (intid > 1) throw refuse('EINVAL', `a CPU has the wires 0 (IRQ) and 1 (FIQ), not ${intid}`);
  } else if (type === IRQ_TYPE_PPI) {
    if (!hasGic) throw refuse('ENXIO', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
    needVcpu();
    if (intid < FIRST_PPI || intid >= PRIVATE_INTIDS)
      throw refuse('EINVAL', `a PPI is INTID 16 to 31, not ${intid}`);
  } else if (type === IRQ_TYPE_SPI) {
    if (!hasGic) throw refuse('ENXIO', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
    if (intid < FIRST_SPI) throw refuse('EINVAL', `an SPI is INTID 32 and up, not ${intid}`);
  } else throw refuse('EINVAL', `irq_type is 0 (CPU), 1 (SPI) or 2 (PPI), not ${type}`);
}
