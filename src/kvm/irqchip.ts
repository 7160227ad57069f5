import type { DeviceId, Pin } from '../arch/intid.ts';
import type { KvmError } from './kvm-error.ts';
import type { Msi } from './msi.ts';

/**
 * The source that drives a line. An irqchip that ORs its sources (x86) keeps a level for each, so that a device of userland
 * and the resampling irqfds of one GSI do not lower each other's line; the GIC has one level a pin and ignores the source.
 * @see kvm_host.h
 */
export const KVM_USERSPACE_IRQ_SOURCE_ID = 0;
export const KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID = 1;

/** Words that an irqchip has for an irqfd, to remember where its MSI ends. The first is {@link FORGOTTEN} for nothing. */
export const REMEMBERED_WORDS = 2;
export const FORGOTTEN = 0;

/** The interrupt was refused: no such pin, masked, or no vCPU there to take it. */
export const REFUSED = -1;

/** Pins whose end the resamplers want to hear of. Any thread. @see kvm_register_irq_ack_notifier */
export interface PinEnds {
  /** Asks for the ends of a pin; false if they were asked for already. */
  watch(pin: Pin): boolean;
  unwatch(pin: Pin): boolean;
  isWatched(pin: Pin): boolean;
  /** Whether there may be an end to {@link take}: one load. */
  readonly any: boolean;
  /**
   * Takes the note of one end: its pin, or -1 where there is none. An irqchip that passes an end on at once
   * (`GenericVm.pinEnded`), because it keeps the pin from being delivered until then, has no notes.
   */
  take(): number;
}

/**
 * An interrupt controller as KVM's generic code needs it: the routing table, the irqfds and the resamplers know no other.
 * One view a thread; any thread may call. Implementations: `vgic/gic-irqchip.ts`, `ioapic/ioapic-irqchip.ts`.
 * @see virt/kvm/irqchip.c, virt/kvm/eventfd.c: what they call of an architecture
 */
export interface Irqchip {
  /** Its number in a routing entry of type KVM_IRQ_ROUTING_IRQCHIP. A table's entry names this one, or none. */
  readonly number: number;
  /** Whether irqfds can be assigned. @see kvm_arch_intc_initialized, kvm_arch_irqfd_allowed */
  readonly ready: boolean;
  /** What KVM_IRQFD answers before: the error with its errno, and which call comes first. */
  notReady(call: string): KvmError;
  readonly ends: PinEnds;

  /**
   * Moves the wire of a pin. It may wait for a lock, so not within a reader section.
   * @param source - {@link KVM_USERSPACE_IRQ_SOURCE_ID} or {@link KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID}
   * @returns {@link REFUSED}, 0 where it coalesced (or the irqchip does not say), else how many vCPUs got it
   */
  drive(pin: Pin, level: boolean, source: number): number;

  /** Raises the wire of a pin within a reader section; false, with nothing done, where that could wait (-EWOULDBLOCK). */
  raiseWithoutLock(pin: Pin): boolean;

  /** Where an MSI's address leads, in 24 bits: what an irqfd keeps of it beside the data and the DeviceID. */
  targetOf(address: number): number;

  /** Latches an MSI without a lock, within a reader section; false, with nothing done, where that could wait. */
  latchCached(target: number, deviceId: DeviceId, data: number): boolean;

  /**
   * Remembers in the {@link REMEMBERED_WORDS} words at `at` where an irqfd's MSI ends, or leaves them alone. With
   * irqfds.lock held, outside every section.
   */
  remember(at: number, target: number, deviceId: DeviceId, data: number): void;

  /** Latches the LPI remembered at `at`, if the note still holds; false where it does not, or where there is none. Within a reader section. */
  latchRemembered(at: number): boolean;

  /**
   * Sends an MSI past the routing table, by KVM's checks in their order. It may wait for a lock.
   * @returns 1 and up delivered (latched), 0 the guest blocks it, below 0 `-errno`
   * @see kvm_set_msi
   */
  sendMsi(address: number, data: number, flags: number, deviceId: DeviceId): number;

  /** The error for a result of {@link sendMsi} below 0. Allocates. */
  refusal(result: number, msi: Msi): KvmError;
}
