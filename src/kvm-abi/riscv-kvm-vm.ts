import type { Pin } from '../arch/intid.ts';
import type { RiscvVm } from '../kvm/aia/riscv-vm.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { aiaDevice } from './devices/aia.ts';
import type { Device } from './devices/attribute.ts';
import { IrqchipKvmVm, NOT_ARM64 } from './irqchip-kvm-vm.ts';
import type { CreateDevice } from './vm-board.ts';

/** KVM_DEV_TYPE_RISCV_AIA. */
export const RISCV_AIA = 11;

/**
 * A VM of RISC-V as the author of a VMM meets it: KVM's calls for interrupts, with their structs, over an AIA. Calls that KVM refuses
 * throw {@link KvmError} with KVM's errno. Any thread.
 */
export class RiscvKvmVm extends IrqchipKvmVm<RiscvVm> {
  readonly #ids: number;

  /**
   * @param vm - of an `AiaBoard`, as the calling thread sees it
   * @param ids - the highest identity that the host offers
   */
  constructor(vm: RiscvVm, ids: number) {
    super(vm, NOT_ARM64);
    this.#ids = ids;
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

  /** KVM_IRQ_LINE: the line of an APLIC's source, past the routing table. @throws KvmError ENXIO, EBUSY, ENODEV */
  irqLine(source: Pin, level: number | boolean): void {
    this.vm.irqLine(source, Number(level) !== 0);
  }
}
