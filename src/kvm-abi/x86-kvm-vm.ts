import type { Gsi } from '../kvm/gsi.ts';
import type { X86Vm } from '../kvm/ioapic/x86-vm.ts';
import { IrqchipKvmVm, NOT_ARM64 } from './irqchip-kvm-vm.ts';

/**
 * A VM of x86 as the author of a VMM meets it: KVM's calls for interrupts, with their structs, over an IOAPIC and local APICs.
 * Calls that KVM refuses throw {@link KvmError} with KVM's errno. Any thread.
 */
export class X86KvmVm extends IrqchipKvmVm<X86Vm> {
  /** @param vm - of an `ApicBoard`, as the calling thread sees it */
  constructor(vm: X86Vm) {
    super(vm, { ...NOT_ARM64, KVM_CAP_IRQ_INJECT_STATUS: 1 });
  }

  /** KVM_CREATE_IRQCHIP: GSI n then leads to pin n of the IOAPIC. @throws KvmError EEXIST */
  createIrqchip(): void {
    this.vm.createIrqchip();
  }

  /** KVM_IRQ_LINE. @throws KvmError ENXIO */
  irqLine(gsi: Gsi, level: number | boolean): void {
    this.irqLineStatus(gsi, level);
  }

  /**
   * KVM_IRQ_LINE_STATUS: how many vCPUs got the interrupt (1 for a line that is lowered), 0 where it coalesced, -1 where it was
   * ignored. @throws KvmError ENXIO
   */
  irqLineStatus(gsi: Gsi, level: number | boolean): number {
    return this.vm.irqLine(gsi, Number(level) !== 0);
  }
}
