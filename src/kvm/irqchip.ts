import type { DeviceId, Pin } from '../arch/intid.ts';
import type { KvmError } from './kvm-error.ts';
import type { Msi } from './msi.ts';

/**
 * The source that drives a line. An irqchip that ORs its sources (x86) keeps a level for each source: a userland device
 * and the resampling irqfds of the same GSI do not lower each other's line.
 * The GIC has one level a pin.
 * @see kvm_host.h
 */
export const KVM_USERSPACE_IRQ_SOURCE_ID = 0;
export const KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID = 1;

/**
 * Words in which an irqchip remembers where an irqfd's MSI ends. The first word is {@link FORGOTTEN} if nothing is
 * remembered.
 */
export const REMEMBERED_WORDS = 2;
export const FORGOTTEN = 0;

/** The irqchip refused the interrupt: no such pin, masked, or no vCPU to take it. */
export const REFUSED = -1;

/** The pins whose EOI the resamplers watch. Any thread. @see kvm_register_irq_ack_notifier */
export interface PinEnds {
  /** Starts watching a pin; false if it was watched already. */
  watch(pin: Pin): boolean;
  unwatch(pin: Pin): boolean;
  isWatched(pin: Pin): boolean;
  /** Whether {@link take} may find a note: one load. */
  readonly any: boolean;
  /**
   * Takes one note of an EOI: returns its pin, or -1. An irqchip that holds the pin back until it has called
   * `GenericVm.pinEnded` keeps no notes.
   */
  take(): number;
}

/**
 * An interrupt controller as KVM's generic code sees it: routing table, irqfds and resamplers use only this interface.
 * One view a thread; any thread may call. Implementations: `vgic/gic-irqchip.ts`, `ioapic/ioapic-irqchip.ts`,
 * `aia/aia-irqchip.ts`.
 * @see virt/kvm/irqchip.c, virt/kvm/eventfd.c: what they call of an architecture
 */
export interface Irqchip {
  /** The irqchip's number in a routing entry of type KVM_IRQ_ROUTING_IRQCHIP, the only valid one in a table. */
  readonly number: number;
  /** Whether irqfds can be assigned. @see kvm_arch_intc_initialized, kvm_arch_irqfd_allowed */
  readonly ready: boolean;
  /** The error of KVM_IRQFD before the irqchip is ready: its errno, and the call that must come first. */
  notReady(call: string): KvmError;
  readonly ends: PinEnds;

  /**
   * Drives the wire of a pin. May wait for a lock: not inside a reader section.
   * @param source - {@link KVM_USERSPACE_IRQ_SOURCE_ID} or {@link KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID}
   * @returns {@link REFUSED}; 0 where it coalesced (or the irqchip does not tell); else the number of vCPUs that got it
   */
  drive(pin: Pin, level: boolean, source: number): number;

  /**
   * Raises the wire of a pin inside a reader section; false, with nothing done, where that might wait (-EWOULDBLOCK).
   */
  raiseWithoutLock(pin: Pin): boolean;

  /** The target of an MSI's address in 24 bits; an irqfd keeps it beside the data and the DeviceID. */
  targetOf(address: number): number;

  /** Latches an MSI without a lock, inside a reader section; false, with nothing done, where that might wait. */
  latchCached(target: number, deviceId: DeviceId, data: number): boolean;

  /**
   * Remembers where an irqfd's MSI ends in the {@link REMEMBERED_WORDS} words at `at`, or leaves the words alone. The
   * caller holds irqfds.lock and is outside every reader section.
   */
  remember(at: number, target: number, deviceId: DeviceId, data: number): void;

  /** Latches the LPI remembered at `at`; false if the words hold none, or a stale one. Call inside a reader section. */
  latchRemembered(at: number): boolean;

  /**
   * Sends an MSI past the routing table, with KVM's checks in KVM's order. May wait for a lock.
   * @returns 1 and up: delivered (latched); 0: the guest blocks it; below 0: `-errno`
   * @see kvm_set_msi
   */
  sendMsi(address: number, data: number, flags: number, deviceId: DeviceId): number;

  /** The error for a negative result of {@link sendMsi}. Allocates. */
  refusal(result: number, msi: Msi): KvmError;
}
