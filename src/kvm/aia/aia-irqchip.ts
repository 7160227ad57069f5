import { type Aia, MSI_NO_IDENTITY, MSI_NO_REGISTER } from '../../aia/aia.ts';
import { NO_FILE } from '../../aia/config.ts';
import type { DeviceId, Pin } from '../../arch/intid.ts';
import { type Irqchip, type PinEnds, REFUSED } from '../irqchip.ts';
import { KvmError } from '../kvm-error.ts';
import { MSI_EBUSY, MSI_EINVAL, MSI_ENODEV, type Msi } from '../msi.ts';
import { MSI_VALID_DEVID } from '../route.ts';

/** The only irqchip of RISC-V, and its pins: source n of the APLIC is pin n. @see KVM_IRQCHIP_NUM_PINS */
export const KVM_IRQCHIP_AIA = 0;
export const AIA_PINS = 1024;

/**
 * The APLIC and the interrupt files behind KVM's generic code. Neither has a lock, so the thread that writes an irqfd injects both a
 * pin and an MSI; KVM's spinlocks allow the same. A pin that an irqfd raises is not lowered again, as in KVM.
 *
 * No end of interrupt reaches the APLIC, so a resamplefd is accepted and never written.
 * @see arch/riscv/kvm/vm.c
 */
export class AiaIrqchip implements Irqchip {
  readonly number = KVM_IRQCHIP_AIA;
  /** KVM takes irqfds of a VM that has no irqchip yet. */
  readonly ready = true;
  readonly ends: PinEnds = NO_ENDS;
  readonly #aia: Aia;

  constructor(aia: Aia) {
    this.#aia = aia;
  }

  notReady(call: string): KvmError {
    return new KvmError(call, 'EINVAL', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
  }

  /** Whether the device is initialised and has an APLIC with this source. */
  has(pin: Pin): boolean {
    return this.#aia.config.initialised && this.#aia.aplic.has(pin);
  }

  drive(pin: Pin, level: boolean, _source: number): number {
    return this.#aia.config.initialised && this.#aia.aplic.drive(pin, level) ? 0 : REFUSED;
  }

  raiseWithoutLock(pin: Pin): boolean {
    this.drive(pin, true, 0);
    return true;
  }

  /** {@link NO_FILE} before the device is initialised: such a copy is refused, and the main thread goes by the table. */
  targetOf(address: number): number {
    return this.#aia.config.initialised ? this.#aia.config.targetOf(address) : NO_FILE;
  }

  /** RISC-V has no DeviceID. */
  latchCached(target: number, _deviceId: DeviceId, data: number): boolean {
    if (target === NO_FILE) return false;
    this.#aia.message(target, data);
    return true;
  }

  /** Remembers nothing: the copy of the route is complete. */
  remember(_at: number, _target: number, _deviceId: DeviceId, _data: number): void {}

  latchRemembered(_at: number): boolean {
    return false;
  }

  /** @returns 0, also where the address is in no vCPU's pages; below 0: `-errno` */
  sendMsi(address: number, data: number, _flags: number, _deviceId: DeviceId): number {
    const { config } = this.#aia;
    if (!config.created) return MSI_EINVAL;
    if (!config.initialised) return MSI_EBUSY;
    const outcome = this.#aia.message(config.targetOf(address), data);
    return outcome === MSI_NO_REGISTER ? MSI_ENODEV : outcome === MSI_NO_IDENTITY ? MSI_EINVAL : 0;
  }

  refusal(result: number, { address, data, flags }: Msi): KvmError {
    const refuse = (...[errno, rule]: [ConstructorParameters<typeof KvmError>[1], string]) =>
      new KvmError('KVM_SIGNAL_MSI', errno, rule);
    if (!this.#aia.config.created) return this.notReady('KVM_SIGNAL_MSI');
    if (result === MSI_EBUSY)
      return refuse('EBUSY', 'the AIA is not initialised: KVM_DEV_RISCV_AIA_CTRL_INIT comes first');
    const hex = (value: number) => `0x${(value >>> 0).toString(16)}`;
    if (result === MSI_ENODEV)
      return refuse(
        'ENODEV',
        `0x${address.toString(16)} with data ${hex(data)} is no MSI: one is a write of 1 or more to offset 0 or 4 of a vCPU's page of guest 0`,
      );
    if ((flags & ~MSI_VALID_DEVID) !== 0)
      return refuse(
        'EINVAL',
        `the only flag is KVM_MSI_VALID_DEVID (1), not ${hex(flags & ~MSI_VALID_DEVID)}`,
      );
    return refuse('EINVAL', `the vCPU's file has no identity ${hex(data)}`);
  }
}

const NO_ENDS: PinEnds = {
  any: false,
  watch: () => false,
  unwatch: () => false,
  isWatched: () => false,
  take: () => -1,
};
