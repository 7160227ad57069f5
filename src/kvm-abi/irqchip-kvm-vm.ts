import type { GenericVm } from '../kvm/generic-vm.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { Irqchip } from '../kvm/irqchip.ts';
import type { Msi } from '../kvm/msi.ts';
import { type CapabilityName, checkExtension } from './capabilities.ts';
import { type IrqFd, irqfdOptions } from './irqfd-args.ts';
import { type Routing, toRoutes } from './routing-entry.ts';

/** The answers of KVM_CHECK_EXTENSION that differ from arm64's: an MSI has no DeviceID, and arm64's calls are not there. */
export const NOT_ARM64: Partial<Record<CapabilityName, number>> = {
  KVM_CAP_MSI_DEVID: 0,
  KVM_CAP_ARM_USER_IRQ: 0,
  KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 0,
};

/**
 * KVM's calls for interrupts that x86 and RISC-V share, with their structs. Calls that KVM refuses throw {@link KvmError} with KVM's
 * errno. Any thread.
 */
export class IrqchipKvmVm<Vm extends GenericVm<Irqchip>> {
  readonly vm: Vm;
  readonly #answers: Partial<Record<CapabilityName, number>>;

  /**
   * @param vm - of a board, as the calling thread sees it
   * @param answers - where this architecture answers KVM_CHECK_EXTENSION otherwise than arm64
   */
  constructor(vm: Vm, answers: Partial<Record<CapabilityName, number>>) {
    this.vm = vm;
    this.#answers = answers;
  }

  /** KVM_CHECK_EXTENSION on the VM. */
  checkExtension(capability: CapabilityName): number {
    return this.#answers[capability] ?? checkExtension(capability);
  }

  /** KVM_SET_GSI_ROUTING: entries of the irqchip, or of MSIs with the architecture's address and data. @throws KvmError EINVAL */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, undefined, this.vm.routing));
  }

  /** KVM_IRQFD. @throws KvmError EINVAL, EBADF, EBUSY, ENOMEM */
  irqfd(args: IrqFd): void {
    const options = irqfdOptions(args);
    if (options === undefined) this.vm.deassignIrqFd(args.fd, args.gsi);
    else this.vm.assignIrqFd(args.fd, args.gsi, options);
  }

  /**
   * KVM_SIGNAL_MSI. x86: how many local APICs took the message. RISC-V: 0, also where no vCPU has the address.
   * @throws KvmError EINVAL; x86: EPERM where no local APIC has the destination; RISC-V: EBUSY, ENODEV
   */
  signalMsi(msi: Msi): number {
    return this.vm.signalMsi(msi);
  }

  /** write(2) of 1 to an eventfd: a device's signal. @throws KvmError EBADF */
  write(fd: Fd): void {
    this.vm.irqfds.write(fd);
  }
}
