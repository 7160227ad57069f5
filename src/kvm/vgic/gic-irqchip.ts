import { GITS_BYTES } from '../../arch/frames.ts';
import { type DeviceId, type EventId, FIRST_SPI, type Intid, type Pin } from '../../arch/intid.ts';
import { type Interrupts, NONE } from '../../gic/interrupts.ts';
import type { LevelAcks } from '../../gic/level-acks.ts';
import type { Lpis } from '../../gic/lpis.ts';
import { MISS } from '../../its/events.ts';
import type { Its } from '../../its/its.ts';
import type { Readers } from '../../memory/readers.ts';
import { load, store, type Words } from '../../memory/word.ts';
import { FORGOTTEN, type Irqchip, type PinEnds, REFUSED } from '../irqchip.ts';
import { KvmError } from '../kvm-error.ts';
import { MSI_EBUSY, MSI_EINVAL, MSI_ENODEV, type Msi } from '../msi.ts';
import { MSI_VALID_DEVID } from '../route.ts';
import { Hints } from './hints.ts';
import { msiRefusal } from './msi-refusal.ts';
import type { VgicState } from './vgic-state.ts';

/** The two words that remember an irqfd's MSI: a stamp and an LPI. See {@link GicIrqchip.remember}. No epoch is 0. */
const STAMP = 0;
const LPI = 1;
const LPI_BITS = 16;
const LPI_MASK = 0xffff;
/** Target of an address that lies in no ITS. */
const NO_ITS = 0xffff;

/** A routing table of arm64 names one irqchip. */
export const GIC_IRQCHIP = 0;

export type GicIrqchipParts = {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  readonly itses: readonly Its[];
  /** The guest-physical addresses of the ITSes: NaN, which equals no address, while an ITS has none. */
  readonly vgic: VgicState;
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
};

/**
 * The GICv3 with its ITSes behind KVM's generic code: a pin drives an SPI, and an MSI becomes an LPI.
 * @see vgic-irqfd.c, vgic-its.c
 */
export class GicIrqchip implements Irqchip {
  readonly number = GIC_IRQCHIP;
  readonly ends: PinEnds;
  readonly #words: Words;
  readonly #interrupts: Interrupts;
  readonly #lpis: Lpis;
  readonly #itses: readonly Its[];
  readonly #vgic: VgicState;
  readonly #readers: Readers;
  readonly #reader: number;
  /** The calling thread's guesses. The explorer runs a thread's code many times and clears them before each run. */
  readonly hints = new Hints();

  constructor(words: Words, parts: GicIrqchipParts) {
    this.#words = words;
    this.#interrupts = parts.interrupts;
    this.#lpis = parts.lpis;
    this.#itses = parts.itses;
    this.#vgic = parts.vgic;
    this.#readers = parts.readers;
    this.#reader = parts.reader;
    this.ends = new SpiEnds(parts.interrupts.acks);
  }

  get ready(): boolean {
    return this.#vgic.initialised;
  }

  notReady(call: string): KvmError {
    return new KvmError(
      call,
      'EAGAIN',
      'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first',
    );
  }

  /** Drives the wire of an SPI; refused where the machine has no such SPI. @see vgic_irqfd_set_irq */
  drive(pin: Pin, level: boolean): number {
    const intid: Intid = pin + FIRST_SPI;
    const at = this.#interrupts.findSpi(intid);
    if (at === NONE) return REFUSED;
    this.#interrupts.drive(at, intid, level);
    return 0;
  }

  /**
   * Never waits: an SPI is one word. speed: `kvm`, wired: written out, because a call of {@link drive} cost 1 to 3 ns.
   */
  raiseWithoutLock(pin: Pin): boolean {
    const intid: Intid = pin + FIRST_SPI;
    const at = this.#interrupts.findSpi(intid);
    if (at !== NONE) this.#interrupts.drive(at, intid, true);
    return true;
  }

  /** The number of the ITS at an address, so that the fast path looks up no address. */
  targetOf(address: number): number {
    const { hints } = this;
    // An ITS never moves once it has an address.
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

  /** Latches the LPI of a translation that ITS number `its` has cached; false if it has none. */
  latchCached(its: number, deviceId: DeviceId, eventId: EventId): boolean {
    const lpi = this.#itses[its]?.lookup(deviceId, eventId) ?? MISS;
    if (lpi === MISS) return false;
    this.#latch(lpi);
    return true;
  }

  /** Valid unless the LPI's ITS has emptied its translation cache since. */
  latchRemembered(at: number): boolean {
    const stamp = load(this.#words, at + STAMP);
    if (stamp === FORGOTTEN) return false;
    // Load the LPI after its stamp: this LPI was remembered under that stamp, or by a newer route.
    const lpi: Intid = load(this.#words, at + LPI);
    // guard: remembered-holds-for-epoch
    if (this.#itses[lpi >>> LPI_BITS]?.epoch !== stamp) return false;
    this.#latch(lpi & LPI_MASK);
    return true;
  }

  /**
   * Remembers the LPI if the ITS has cached its translation: a signal then needs neither the route nor the ITS's index.
   * The note is valid for as long as that cache, and for the same reason: a thread that changes the mapping of the LPI
   * moves the epoch and then waits for a grace period. The epoch is read first: if the cache is emptied meanwhile, the
   * stamp is already stale when it is stored. (KVM also resolves an irqfd's MSI once where GICv4 takes over:
   * kvm_vgic_v4_set_forwarding.)
   */
  remember(at: number, number: number, deviceId: DeviceId, eventId: EventId): void {
    const words = this.#words;
    const its = this.#itses[number];
    if (!its) return;
    this.#readers.enter(this.#reader);
    const { epoch } = its;
    const lpi = its.lookup(deviceId, eventId);
    if (lpi !== MISS) {
      store(words, at + LPI, lpi | (number << LPI_BITS));
      // guard: remembered-epoch-before-lookup
      store(words, at + STAMP, epoch);
    }
    this.#readers.leave(this.#reader);
  }

  /**
   * @returns 1 delivered (latched); 0 the guest blocks it; {@link MSI_EINVAL}, {@link MSI_ENODEV}, {@link MSI_EBUSY}
   * @see vgic_its_inject_msi in vgic-its.c
   */
  sendMsi(address: number, data: number, flags: number, deviceId: DeviceId): number {
    const number = this.targetOf(address);
    const its = this.#itses[number];
    if (its) {
      this.#readers.enter(this.#reader);
      const lpi = this.#lookup(number, its, deviceId, data);
      // guard: message-is-latched
      if (lpi !== MISS) this.#latch(lpi);
      // guard: section-spans-latch
      this.#readers.leave(this.#reader);
      if (lpi !== MISS) return 1;
    }
    if (!this.#vgic.hasIts) return MSI_ENODEV;
    if ((flags & MSI_VALID_DEVID) === 0 || !its) return MSI_EINVAL;
    const sent = its.signal(deviceId, data);
    return sent < 0 ? MSI_EBUSY : sent;
  }

  refusal(result: number, msi: Msi): KvmError {
    return msiRefusal(result, this.#vgic, msi);
  }

  /** Number of SPIs of the machine. */
  get spis(): number {
    return this.#interrupts.endSpi - FIRST_SPI;
  }

  /** The doorbell of the first ITS; NaN without an ITS. */
  get doorbell(): number {
    return this.#itses.length > 0 ? this.#vgic.itsBase(0) : Number.NaN;
  }

  /** As the ITS's own `lookup`, but answers from this thread's hints a lookup repeated under the same epoch. */
  #lookup(number: number, its: Its, deviceId: DeviceId, eventId: EventId): Intid {
    const { epoch } = its;
    const known = this.hints.lpiOf(number, deviceId, eventId, epoch);
    if (known !== MISS) return known;
    const lpi = its.lookup(deviceId, eventId);
    // The epoch from before the lookup: if the cache was emptied meanwhile, the hint is already stale when it is kept.
    // guard: hint-epoch-before-lookup
    if (lpi !== MISS) this.hints.keep(number, deviceId, eventId, epoch, lpi);
    return lpi;
  }

  #latch(lpi: Intid): void {
    this.hints.coalesces = this.#lpis.latch(lpi, this.hints.coalesces);
  }
}

/** The EOIs of level-triggered SPIs, by pin. */
class SpiEnds implements PinEnds {
  readonly #acks: LevelAcks;

  constructor(acks: LevelAcks) {
    this.#acks = acks;
  }

  watch(pin: Pin): boolean {
    return this.#acks.watch(pin + FIRST_SPI);
  }

  unwatch(pin: Pin): boolean {
    return this.#acks.unwatch(pin + FIRST_SPI);
  }

  isWatched(pin: Pin): boolean {
    return this.#acks.isWatched(pin + FIRST_SPI);
  }

  get any(): boolean {
    return this.#acks.any;
  }

  // guard: ends-are-taken
  take(): number {
    const intid = this.#acks.take();
    return intid < 0 ? intid : intid - FIRST_SPI;
  }
}
