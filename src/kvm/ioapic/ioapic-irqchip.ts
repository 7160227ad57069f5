import type { Apic } from '../../apic/apic.ts';
import { IGNORED, IOAPIC_PINS } from '../../apic/ioapic.ts';
import { msiTarget } from '../../apic/message.ts';
import type { DeviceId, Pin } from '../../arch/intid.ts';
import type { Region } from '../../memory/layout.ts';
import { load, replace, type Words } from '../../memory/word.ts';
import type { Irqchip, PinEnds } from '../irqchip.ts';
import { KvmError } from '../kvm-error.ts';
import { MSI_EINVAL, MSI_EPERM, type Msi } from '../msi.ts';
import { MSI_VALID_DEVID } from '../route.ts';

/** The IOAPIC's number in a routing entry; 0 and 1 are the two halves of the PIC, which is left out. */
export const KVM_IRQCHIP_IOAPIC = 2;

/**
 * The IOAPIC and the local APICs behind KVM's generic code. A pin takes the IOAPIC's lock, so writers leave its irqfds
 * to the main thread, as KVM leaves them to a worker. An MSI goes to the local APICs without a lock.
 * @see arch/x86/kvm/irq_comm.c
 */
export class IoApicIrqchip implements Irqchip {
  readonly number = KVM_IRQCHIP_IOAPIC;
  readonly ends: PinEnds;
  readonly #words: Words;
  readonly #created: number;
  readonly #apic: Apic;

  /** @param created - one word: set once userland has created the irqchip */
  constructor(words: Words, created: Region, apic: Apic) {
    this.#words = words;
    this.#created = created.at;
    this.#apic = apic;
    this.ends = new IoApicEnds(apic);
  }

  get ready(): boolean {
    return load(this.#words, this.#created) !== 0;
  }

  /** Creates the irqchip; true if this call created it. */
  create(): boolean {
    return replace(this.#words, this.#created, 0, 1);
  }

  notReady(call: string): KvmError {
    return new KvmError(
      call,
      'EINVAL',
      'this VM has no interrupt controller: KVM_CREATE_IRQCHIP comes first',
    );
  }

  drive(pin: Pin, level: boolean, source: number): number {
    return this.ready ? this.#apic.ioapic.drive(pin, level, source) : IGNORED;
  }

  /** Always false: every pin takes the IOAPIC's lock. @see kvm_arch_set_irq_inatomic */
  raiseWithoutLock(_pin: Pin): boolean {
    return false;
  }

  targetOf(address: number): number {
    return msiTarget(address);
  }

  /** x86 has no DeviceID. */
  latchCached(target: number, _deviceId: DeviceId, data: number): boolean {
    this.#apic.message(target, data);
    return true;
  }

  /** Remembers nothing: the copy of the route is complete. */
  remember(_at: number, _target: number, _deviceId: DeviceId, _data: number): void {}

  latchRemembered(_at: number): boolean {
    return false;
  }

  /**
   * @returns the number of vCPUs that accepted, 0 where they are disabled, {@link MSI_EPERM} where none has the
   * destination
   */
  sendMsi(address: number, data: number, _flags: number, _deviceId: DeviceId): number {
    return this.ready ? this.#apic.message(msiTarget(address), data) : MSI_EINVAL;
  }

  refusal(result: number, { address, flags }: Msi): KvmError {
    if (!this.ready) return this.notReady('KVM_SIGNAL_MSI');
    if (result === MSI_EPERM) {
      const where = `0x${address.toString(16)}`;
      const rule = 'bits 19:12 are the destination, bit 2 says that it is a logical one';
      return new KvmError('KVM_SIGNAL_MSI', 'EPERM', `no vCPU has the destination of ${where}: ${rule}`);
    }
    const given = `0x${((flags & ~MSI_VALID_DEVID) >>> 0).toString(16)}`;
    return new KvmError('KVM_SIGNAL_MSI', 'EINVAL', `the only flag is KVM_MSI_VALID_DEVID (1), not ${given}`);
  }
}

/** The IOAPIC passes an EOI on itself before it delivers the pin again, so it keeps no notes. */
class IoApicEnds implements PinEnds {
  readonly #apic: Apic;
  readonly any = false;

  constructor(apic: Apic) {
    this.#apic = apic;
  }

  watch(pin: Pin): boolean {
    return pin < IOAPIC_PINS && this.#apic.ioapic.watch(pin);
  }

  unwatch(pin: Pin): boolean {
    return this.#apic.ioapic.unwatch(pin);
  }

  isWatched(pin: Pin): boolean {
    return this.#apic.ioapic.isWatched(pin);
  }

  take(): number {
    return -1;
  }
}
