import type { Fd, Gsi } from '../kvm/gsi.ts';
import type { X86Vm } from '../kvm/ioapic/x86-vm.ts';
import type { Msi } from '../kvm/msi.ts';
import { type CapabilityName, checkExtension } from './capabilities.ts';
import { type IrqFd, irqfdOptions } from './irqfd-args.ts';
import { type Routing, toRoutes } from './routing-entry.ts';

/** Where x86 answers KVM_CHECK_EXTENSION otherwise than arm64. An MSI of x86 has no DeviceID, and arm64's calls are not there. */
const X86_ANSWERS: Partial<Record<CapabilityName, number>> = {
  KVM_CAP_IRQ_INJECT_STATUS: 1,
  KVM_CAP_MSI_DEVID: 0,
  KVM_CAP_ARM_USER_IRQ: 0,
  KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 0,
};

/**
 * A VM of x86 as the author of a VMM meets it: KVM's calls for interrupts, with their structs, over an IOAPIC and local APICs.
 * Calls that KVM refuses throw {@link KvmError} with KVM's errno. Any thread.
 */
export class X86KvmVm {
  readonly vm: X86Vm;

  /** @param vm - of an `ApicBoard`, as the calling thread sees it */
  constructor(vm: X86Vm) {
    this.vm = vm;
  }

  /** KVM_CHECK_EXTENSION on the VM. */
  checkExtension(capability: CapabilityName): number {
    return X86_ANSWERS[capability] ?? checkExtension(capability);
  }

  /** KVM_CREATE_IRQCHIP: GSI n then leads to pin n of the IOAPIC. @throws KvmError EEXIST */
  createIrqchip(): void {
    this.vm.createIrqchip();
  }

  /** KVM_SET_GSI_ROUTING: entries of an irqchip (2, the IOAPIC), or of MSIs with x86's address and data. @throws KvmError EINVAL */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, undefined, this.vm.routing));
  }

  /** KVM_IRQFD. @throws KvmError EINVAL, EBADF, EBUSY, ENOMEM */
  irqfd(args: IrqFd): void {
    const options = irqfdOptions(args);
    if (options === undefined) this.vm.deassignIrqFd(args.fd, args.gsi);
    else this.vm.assignIrqFd(args.fd, args.gsi, options);
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

  /** KVM_SIGNAL_MSI: how many local APICs took the message. @throws KvmError EINVAL; EPERM where none has the destination */
  signalMsi(msi: Msi): number {
    return this.vm.signalMsi(msi);
  }

  /** write(2) of 1 to an eventfd: what a device does. @throws KvmError EBADF */
  write(fd: Fd): void {
    this.vm.irqfds.write(fd);
  }
}
