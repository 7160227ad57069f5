import { type Interrupts, NONE } from '../gic/interrupts.ts';
import { FIRST_SPI } from '../gic/intid.ts';
import type { Lpis } from '../gic/lpis.ts';
import { MISS } from '../its/events.ts';
import type { Its } from '../its/its.ts';
import type { Readers } from '../memory/readers.ts';
import { beginRead, changedSince } from '../memory/sequence.ts';
import { load, type Words } from '../memory/word.ts';
import {
  addressOf,
  MSI_VALID_DEVID,
  ROUTE_ADDRESS_HIGH,
  ROUTE_ADDRESS_LOW,
  ROUTE_DATA,
  ROUTE_DEVICE,
  ROUTE_FLAGS,
  ROUTE_IRQCHIP,
  ROUTE_MSI,
  ROUTE_TYPE,
} from './route.ts';
import type { RoutingTable } from './routing-table.ts';

/** Size of an ITS's two frames, in bytes; any address in them finds the ITS. */
export const ITS_FRAMES_BYTES = 0x2_0000;

/** An ITS, and where the guest sees it. */
export type PlacedIts = { readonly base: number; readonly its: Its };

/** Results of {@link Injector.sendMsi} below 0: `-errno` of the KVM call. */
export const MSI_EINVAL = -22;
export const MSI_ENODEV = -19;
export const MSI_EBUSY = -16;

/**
 * From a route, or an MSI, to the interrupt: what KVM's `set()` functions of the routing entries do on arm64.
 * One for each thread, because each is one reader of the shared tables.
 * @see vgic-irqfd.c, irqchip.c
 */
export class Injector {
  readonly #words: Words;
  readonly #interrupts: Interrupts;
  readonly #lpis: Lpis;
  readonly #itses: readonly PlacedIts[];
  readonly #routing: RoutingTable;
  readonly #readers: Readers;
  readonly #reader: number;

  /** @param reader - the number of the calling thread among the machine's threads */
  constructor(words: Words, parts: InjectorParts, reader: number) {
    this.#words = words;
    this.#interrupts = parts.interrupts;
    this.#lpis = parts.lpis;
    this.#itses = parts.itses;
    this.#routing = parts.routing;
    this.#readers = parts.readers;
    this.#reader = reader;
  }

  /**
   * KVM's fast path: injects by the route whose words lie at `at`, if that needs no lock. The words are read under the
   * sequence count at `sequence`. False where it would block: a write of the route is under way, an MSI whose translation
   * is not cached, or no single route. Within a reader section.
   * @see kvm_arch_set_irq_inatomic
   */
  injectWithoutLock(at: number, sequence: number): boolean {
    const seen = beginRead(this.#words, sequence);
    const type = load(this.#words, at + ROUTE_TYPE);
    const data = load(this.#words, at + ROUTE_DATA);
    if (type === ROUTE_MSI) {
      const low = load(this.#words, at + ROUTE_ADDRESS_LOW);
      const high = load(this.#words, at + ROUTE_ADDRESS_HIGH);
      const device = load(this.#words, at + ROUTE_DEVICE);
      if (changedSince(this.#words, sequence, seen)) return false;
      const lpi = this.#itsAt(addressOf(low, high))?.lookup(device, data) ?? MISS;
      if (lpi === MISS) return false;
      this.#lpis.latch(lpi);
      return true;
    }
    if (type !== ROUTE_IRQCHIP || changedSince(this.#words, sequence, seen)) return false;
    this.driveSpi(data, true);
    return true;
  }

  /**
   * kvm_set_irq(): injects by the table in force now. May take the ITS lock; not within a reader section.
   * @returns -1 where no route names the GSI or it refused, else the sum of the results (1 delivered, 0 blocked by the guest)
   */
  setIrq(gsi: number, level: boolean): number {
    this.#readers.enter(this.#reader);
    const at = this.#routing.find(gsi);
    // As KVM copies the entries to its stack, so do we: the injection comes after the section, and may wait.
    const type = at < 0 ? 0 : load(this.#words, at + ROUTE_TYPE);
    const flags = at < 0 ? 0 : load(this.#words, at + ROUTE_FLAGS);
    const low = at < 0 ? 0 : load(this.#words, at + ROUTE_ADDRESS_LOW);
    const high = at < 0 ? 0 : load(this.#words, at + ROUTE_ADDRESS_HIGH);
    const data = at < 0 ? 0 : load(this.#words, at + ROUTE_DATA);
    const device = at < 0 ? 0 : load(this.#words, at + ROUTE_DEVICE);
    this.#readers.leave(this.#reader);
    if (type === ROUTE_IRQCHIP) return this.driveSpi(data, level) ? 0 : -1;
    if (type !== ROUTE_MSI || !level) return -1;
    const sent = this.sendMsi(addressOf(low, high), data, flags, device);
    return sent < 0 ? -1 : sent;
  }

  /**
   * Sends an MSI past the routing table, by KVM's checks in their order.
   * @returns 1 delivered (latched), 0 the guest blocks it, {@link MSI_EINVAL}, {@link MSI_ENODEV}, {@link MSI_EBUSY}
   * @see KVM_SIGNAL_MSI; vgic_its_inject_msi in vgic-its.c
   */
  sendMsi(address: number, data: number, flags: number, deviceId: number): number {
    if (this.#itses.length === 0) return MSI_ENODEV;
    const its = this.#itsAt(address);
    if (its) {
      this.#readers.enter(this.#reader);
      const lpi = its.lookup(deviceId, data);
      if (lpi !== MISS) this.#lpis.latch(lpi);
      this.#readers.leave(this.#reader);
      if (lpi !== MISS) return 1;
    }
    if ((flags & MSI_VALID_DEVID) === 0 || !its) return MSI_EINVAL;
    const sent = its.signal(deviceId, data);
    return sent < 0 ? MSI_EBUSY : sent;
  }

  /** Moves the wire of a pin; false where this machine has no such SPI. */
  driveSpi(pin: number, level: boolean): boolean {
    const intid = pin + FIRST_SPI;
    const at = this.#interrupts.find(0, intid);
    if (at === NONE || intid >= this.#interrupts.endSpi) return false;
    this.#interrupts.drive(at, intid, level);
    return true;
  }

  #itsAt(address: number): Its | undefined {
    for (const { base, its } of this.#itses)
      if (address >= base && address < base + ITS_FRAMES_BYTES) return its;
    return undefined;
  }
}

export type InjectorParts = {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  readonly itses: readonly PlacedIts[];
  readonly routing: RoutingTable;
  readonly readers: Readers;
};
