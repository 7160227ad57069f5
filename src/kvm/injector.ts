import { GITS_BYTES } from '../arch/frames.ts';
import { FIRST_SPI } from '../arch/intid.ts';
import { type Interrupts, NONE } from '../gic/interrupts.ts';
import type { Lpis } from '../gic/lpis.ts';
import { MISS } from '../its/events.ts';
import type { Its } from '../its/its.ts';
import type { Readers } from '../memory/readers.ts';
import { beginRead, beginWrite, changedSince, endWrite } from '../memory/sequence.ts';
import { load, store, type Words } from '../memory/word.ts';
import { Hints } from './hints.ts';
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
  ROUTE_NONE,
  ROUTE_TYPE,
} from './route.ts';
import type { RoutingTable } from './routing-table.ts';
import type { VgicState } from './vgic/vgic-state.ts';

/**
 * What an irqfd keeps of the route of its GSI, in words from the start of the copy. KIND is the route's type and, above
 * {@link ITS_SHIFT}, the number of the ITS that an MSI's address leads to: so the fast path has no address to look up.
 * DATA is the EventID of an MSI, or a pin.
 */
export const CACHED_WORDS = 3;
export const CACHED_KIND = 0;
export const CACHED_DATA = 1;
export const CACHED_DEVICE = 2;

/** What the ITS last said of the MSI of an irqfd: a stamp, and an LPI. See {@link Injector.remember}. */
export const REMEMBERED_WORDS = 2;
const STAMP = 0;
const LPI = 1;
/** The stamp of nothing: no epoch is 0. */
const FORGOTTEN = 0;
const TYPE = 0xff;
const ITS_SHIFT = 8;
/** An address that lies in no ITS. */
const NO_ITS = 0xffff;
const LPI_BITS = 16;
const LPI_MASK = 0xffff;

/** Writes a copy of a route. What guards it against readers, if anything has to, is the caller's matter. */
export function putCached(words: Words, at: number, type: number, data: number, device = 0, its = 0): void {
  store(words, at + CACHED_KIND, type | (its << ITS_SHIFT));
  store(words, at + CACHED_DATA, data);
  store(words, at + CACHED_DEVICE, device);
}

/** Results of {@link Injector.sendMsi} below 0: `-errno` of the KVM call. */
export const MSI_EINVAL = -22;
export const MSI_ENODEV = -19;
export const MSI_EBUSY = -16;

/**
 * From a signal to the interrupt: what KVM's `set()` functions of the routing entries do on arm64. It is the kernel's
 * half of the `merged` design, and the designs that differ from it in this are its subclasses.
 * One for each thread, because each is one reader of the shared tables.
 * @see vgic-irqfd.c, irqchip.c
 */
export class Injector {
  protected readonly words: Words;
  readonly #interrupts: Interrupts;
  readonly #lpis: Lpis;
  readonly #itses: readonly Its[];
  readonly #vgic: VgicState;
  readonly #routing: RoutingTable;
  readonly #readers: Readers;
  readonly #reader: number;
  /** Of the calling thread; the explorer, which runs a thread's code many times, clears them before each. */
  readonly hints = new Hints();

  /** @param reader - the number of the calling thread among the machine's threads */
  constructor(words: Words, parts: InjectorParts, reader: number) {
    this.words = words;
    this.#interrupts = parts.interrupts;
    this.#lpis = parts.lpis;
    this.#itses = parts.itses;
    this.#vgic = parts.vgic;
    this.#routing = parts.routing;
    this.#readers = parts.readers;
    this.#reader = reader;
  }

  /**
   * KVM's fast path: injects by the copy of a route whose words lie at `at`, under the sequence count at `sequence`, if
   * that needs no lock. False where it would block: a write of the route is under way, an MSI whose translation is not
   * cached, or no single route. Within a reader section.
   * @see kvm_arch_set_irq_inatomic
   */
  injectWithoutLock(at: number, sequence: number): boolean {
    const { words } = this;
    const seen = beginRead(words, sequence);
    const kind = load(words, at + CACHED_KIND);
    const data = load(words, at + CACHED_DATA);
    if ((kind & TYPE) === ROUTE_MSI) {
      const device = load(words, at + CACHED_DEVICE);
      if (changedSince(words, sequence, seen)) return false;
      return this.latchCached(kind >>> ITS_SHIFT, device, data);
    }
    if (kind !== ROUTE_IRQCHIP || changedSince(words, sequence, seen)) return false;
    this.driveSpi(data, true);
    return true;
  }

  /**
   * Latches the LPI that is remembered at `at`, if its ITS has not emptied its translation cache since; false where it
   * has, or nothing is remembered. Within a reader section.
   */
  latchRemembered(at: number): boolean {
    const stamp = load(this.words, at + STAMP);
    if (stamp === FORGOTTEN) return false;
    // The LPI after its stamp: what is read here was remembered under that stamp, or by a route that is newer.
    const lpi = load(this.words, at + LPI);
    if (this.#itses[lpi >>> LPI_BITS]?.epoch !== stamp) return false;
    this.#latch(lpi & LPI_MASK);
    return true;
  }

  /**
   * Remembers at `at` the LPI of the MSI whose route has a copy at `route`, if the ITS has the translation in its cache: a
   * signal then needs neither the route nor the ITS's index. It holds for as long as that cache does, and for the same
   * reason: whoever changes what the LPI depends on moves the epoch and then waits for a grace period. The epoch is read
   * first: if the cache is emptied meanwhile, the stamp is out of date when it is set. With irqfds.lock held, so that the
   * route stays; outside every section. (KVM resolves an irqfd's MSI once, too, where GICv4 takes it:
   * kvm_vgic_v4_set_forwarding.)
   */
  remember(at: number, route: number): void {
    const { words } = this;
    const kind = load(words, route + CACHED_KIND);
    const number = kind >>> ITS_SHIFT;
    const its = (kind & TYPE) === ROUTE_MSI ? this.#itses[number] : undefined;
    if (!its) return;
    this.#readers.enter(this.#reader);
    const { epoch } = its;
    const lpi = its.lookup(load(words, route + CACHED_DEVICE), load(words, route + CACHED_DATA));
    if (lpi !== MISS) {
      store(words, at + LPI, lpi | (number << LPI_BITS));
      store(words, at + STAMP, epoch);
    }
    this.#readers.leave(this.#reader);
  }

  /** To be called before what is remembered at `at` stops being true for another reason than the ITS. Lock as above. */
  forget(at: number): void {
    store(this.words, at + STAMP, FORGOTTEN);
  }

  /** Latches the LPI of a translation that ITS number `its` has cached; false where there is none. Within a reader section. */
  latchCached(its: number, device: number, event: number): boolean {
    const lpi = this.#itses[its]?.lookup(device, event) ?? MISS;
    if (lpi === MISS) return false;
    this.#latch(lpi);
    return true;
  }

  /**
   * Gives an irqfd what its fast path needs: a copy of the one route of its GSI, or of none. The words of the copy lie
   * at `to`, its sequence count at `sequence`. With irqfds.lock held, outside every section.
   * @param _device - the DeviceID in the call of KVM_IRQFD, -1 where there is none: for the design that has it
   * @see irqfd_update
   */
  cacheRoute(to: number, sequence: number, gsi: number, _device: number): void {
    this.#readers.enter(this.#reader);
    const route = this.#routing.find(gsi);
    beginWrite(this.words, sequence);
    if (route < 0) putCached(this.words, to, ROUTE_NONE, 0);
    else this.copyRoute(to, route);
    endWrite(this.words, sequence);
    this.#readers.leave(this.#reader);
  }

  /** Copies what the fast path needs of the table's entry at `from`. Within the write of a sequence count. */
  protected copyRoute(to: number, from: number): void {
    const { words } = this;
    const type = load(words, from + ROUTE_TYPE);
    const address = addressOf(load(words, from + ROUTE_ADDRESS_LOW), load(words, from + ROUTE_ADDRESS_HIGH));
    const its = type === ROUTE_MSI ? this.#itsNumberAt(address) : 0;
    putCached(words, to, type, load(words, from + ROUTE_DATA), load(words, from + ROUTE_DEVICE), its);
  }

  /** The slow path of an irqfd for `gsi`, whose own copy of the route lies at `_route`: {@link setIrq}. */
  inject(gsi: number, _route: number, level: boolean): number {
    return this.setIrq(gsi, level);
  }

  /** The GSI that is told of the end of the SPI at `pin`, or -1. Within a reader section. */
  gsiOfPin(pin: number): number {
    return this.#routing.gsiOfPin(pin);
  }

  /**
   * kvm_set_irq(): injects by the table in force now. May take the ITS lock; not within a reader section.
   * @returns -1 where no route names the GSI or it refused, else the sum of the results (1 delivered, 0 blocked by the guest)
   */
  setIrq(gsi: number, level: boolean): number {
    this.#readers.enter(this.#reader);
    const at = this.#routing.find(gsi);
    // As KVM copies the entries to its stack, so do we: the injection comes after the section, and may wait.
    const type = at < 0 ? 0 : load(this.words, at + ROUTE_TYPE);
    const flags = at < 0 ? 0 : load(this.words, at + ROUTE_FLAGS);
    const low = at < 0 ? 0 : load(this.words, at + ROUTE_ADDRESS_LOW);
    const high = at < 0 ? 0 : load(this.words, at + ROUTE_ADDRESS_HIGH);
    const data = at < 0 ? 0 : load(this.words, at + ROUTE_DATA);
    const device = at < 0 ? 0 : load(this.words, at + ROUTE_DEVICE);
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
    const number = this.#itsNumberAt(address);
    const its = this.#itses[number];
    if (its) {
      this.#readers.enter(this.#reader);
      const lpi = this.#lookup(number, its, deviceId, data);
      if (lpi !== MISS) this.#latch(lpi);
      this.#readers.leave(this.#reader);
      if (lpi !== MISS) return 1;
    }
    if (!this.#vgic.hasIts) return MSI_ENODEV;
    if ((flags & MSI_VALID_DEVID) === 0 || !its) return MSI_EINVAL;
    const sent = its.signal(deviceId, data);
    return sent < 0 ? MSI_EBUSY : sent;
  }

  /** As the ITS's own `lookup`, but this thread need not ask for what it has asked before under the same epoch. */
  #lookup(number: number, its: Its, deviceId: number, eventId: number): number {
    const { epoch } = its;
    const known = this.hints.lpiOf(number, deviceId, eventId, epoch);
    if (known !== MISS) return known;
    const lpi = its.lookup(deviceId, eventId);
    // The epoch from before: if the cache was emptied meanwhile, this is out of date as it is kept.
    if (lpi !== MISS) this.hints.keep(number, deviceId, eventId, epoch, lpi);
    return lpi;
  }

  #latch(lpi: number): void {
    this.hints.coalesces = this.#lpis.latch(lpi, this.hints.coalesces);
  }

  /** Moves the wire of a pin; false where this machine has no such SPI. */
  driveSpi(pin: number, level: boolean): boolean {
    const intid = pin + FIRST_SPI;
    const at = this.#interrupts.findSpi(intid);
    if (at === NONE) return false;
    this.#interrupts.drive(at, intid, level);
    return true;
  }

  /** The doorbell of the first ITS; NaN where there is none. */
  protected get doorbell(): number {
    return this.#itses.length > 0 ? this.#vgic.itsBase(0) : Number.NaN;
  }

  /** SPIs of the machine. */
  protected get spis(): number {
    return this.#interrupts.endSpi - FIRST_SPI;
  }

  #itsNumberAt(address: number): number {
    const { hints } = this;
    // An ITS that has its place keeps it.
    if (address === hints.doorbell) return hints.doorbellIts;
    for (let number = 0; number < this.#itses.length; number++) {
      const base = this.#vgic.itsBase(number);
      if (address < base || !(address < base + GITS_BYTES)) continue;
      hints.doorbell = address;
      hints.doorbellIts = number;
      return number;
    }
    return NO_ITS;
  }
}

export type InjectorParts = {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  readonly itses: readonly Its[];
  /** Where the guest sees the ITSes: NaN, which no address compares with, as long as one has no place. */
  readonly vgic: VgicState;
  readonly routing: RoutingTable;
  readonly readers: Readers;
};
