import type { Pin } from '../arch/intid.ts';
import type { RiscvVm } from '../kvm/aia/riscv-vm.ts';
import type { Fd } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Msi } from '../kvm/msi.ts';
import { type CapabilityName, checkExtension } from './capabilities.ts';
import { aiaDevice } from './devices/aia.ts';
import type { Device } from './devices/attribute.ts';
import { type IrqFd, irqfdOptions } from './irqfd-args.ts';
import { type Routing, toRoutes } from './routing-entry.ts';
import type { CreateDevice } from './vm-board.ts';

/** KVM_DEV_TYPE_RISCV_AIA. */
export const RISCV_AIA = 11;

/** Where RISC-V answers KVM_CHECK_EXTENSION otherwise than arm64. An MSI of RISC-V has no DeviceID. */
const RISCV_ANSWERS: Partial<Record<CapabilityName, number>> = {
  KVM_CAP_MSI_DEVID: 0,
  KVM_CAP_ARM_USER_IRQ: 0,
  KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 0,
};

/**
 * A VM of RISC-V as the author of a VMM meets it: KVM's calls for interrupts, with their structs, over an AIA. Calls that KVM refuses
 * throw {@link KvmError} with KVM's errno. Any thread.
 */
export class RiscvKvmVm {
  readonly vm: RiscvVm;
  readonly #ids: number;

  /**
   * @param vm - of an `AiaBoard`, as the calling thread sees it
   * @param ids - the highest identity that the host offers
   */
  constructor(vm: RiscvVm, ids: number) {
    this.vm = vm;
    this.#ids = ids;
  }

  /** KVM_CHECK_EXTENSION on the VM. */
  checkExtension(capability: CapabilityName): number {
    return RISCV_ANSWERS[capability] ?? checkExtension(capability);
  }

  /** KVM_CREATE_DEVICE: the calls of the device's descriptor. @throws KvmError ENODEV for another type, EEXIST for a second AIA */
  createDevice({ type }: CreateDevice): Device {
    if (type !== RISCV_AIA)
      throw new KvmError(
        'KVM_CREATE_DEVICE',
        'ENODEV',
        `this VM has devices of type ${RISCV_AIA}, not ${type}`,
      );
    this.vm.createDevice();
    return aiaDevice(this.vm, this.#ids);
  }

  /** KVM_SET_GSI_ROUTING: entries of irqchip 0, the APLIC, or of MSIs. @throws KvmError EINVAL */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, undefined, this.vm.routing));
  }

  /** KVM_IRQFD. @throws KvmError EINVAL, EBADF, EBUSY, ENOMEM */
  irqfd(args: IrqFd): void {
    const options = irqfdOptions(args);
    if (options === undefined) this.vm.deassignIrqFd(args.fd, args.gsi);
    else this.vm.assignIrqFd(args.fd, args.gsi, options);
  }

  /** KVM_IRQ_LINE: the line of an APLIC's source, past the routing table. @throws KvmError ENXIO, EBUSY, ENODEV */
  irqLine(source: Pin, level: number | boolean): void {
    this.vm.irqLine(source, Number(level) !== 0);
  }

  /** KVM_SIGNAL_MSI: 0, also where no vCPU has the address. @throws KvmError EINVAL, EBUSY, ENODEV */
  signalMsi(msi: Msi): number {
    return this.vm.signalMsi(msi);
  }

  /** write(2) of 1 to an eventfd: a device's signal. @throws KvmError EBADF */
  write(fd: Fd): void {
    this.vm.irqfds.write(fd);
  }
}
