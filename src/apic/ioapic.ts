import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { clearBits, load, setBits, store, type Words } from '../memory/word.ts';
import { deliver } from './delivery.ts';
import type { LocalApic } from './local-apic.ts';
import { LEVEL_TRIGGERED, LOGICAL, VECTOR } from './message.ts';

/** Input pins of the IOAPIC. @see KVM_IOAPIC_NUM_PINS */
export const IOAPIC_PINS = 24;

/** The two registers of the frame. */
export const IOREGSEL = 0x00;
export const IOWIN = 0x10;
/** The registers that IOREGSEL selects: the identification, and from 0x10 on two words for each pin. */
export const IOAPICID = 0x00;
export const IOAPICVER = 0x01;
export const IOAPICARB = 0x02;
export const IOREDTBL = 0x10;

/** Bits of an entry's low word beside those of a message. Polarity (bit 13) is kept and has no effect, as in KVM. */
export const DELIVERY_STATUS = 1 << 12;
export const REMOTE_IRR = 1 << 14;
export const MASKED = 1 << 16;
/** Bits 63:56 of an entry. */
export const DESTINATION_SHIFT = 24;

const READ_ONLY = DELIVERY_STATUS | REMOTE_IRR;
const KEPT = 0x1_ffff;
const DESTINATION = 0xff << DESTINATION_SHIFT;
const ID_SHIFT = 24;
const VERSION = 0x11 | ((IOAPIC_PINS - 1) << 16);

const ENTRY_WORDS = 2;
const SELECTED = 0;
const ID = 1;
const IRR = 2;
const DELIVERED = 3;
const REGISTERS = 4;

/** A pin is not delivered: the pin is masked, waits for its EOI, or its destination names no local APIC. */
export const IGNORED = -1;
/** The message coalesced with a pending one. */
const COALESCED = 0;
/** A line that is lowered is always right. */
const LOWERED = 1;

export type IoApicRegions = {
  readonly registers: Region;
  readonly entries: Region;
  /** By pin: a bit for each source that holds the line up. */
  readonly lines: Region;
  /** Pins whose end a resampler watches. */
  readonly watched: Region;
  /** Over all of the above but `watched`. KVM: ioapic->lock. */
  readonly lock: Region;
};

export function ioApicRegions(layout: Layout): IoApicRegions {
  return layout.group('ioapic', {
    registers: REGISTERS,
    entries: IOAPIC_PINS * ENTRY_WORDS,
    lines: IOAPIC_PINS,
    watched: 1,
    lock: MUTEX,
  });
}

/**
 * The IOAPIC: 24 pins, each with an entry of the redirection table that holds the pin's message.
 *
 * One lock over the table, as in KVM: an entry, its line and its delivery state change together, and the IOAPIC sends the
 * message before the lock is free. A level-triggered pin sets remote IRR when the pin is delivered, and is not delivered
 * again until the EOI of its vector clears remote IRR.
 *
 * Why no level is lost: a raise notes the level **and then** looks at remote IRR, an EOI clears remote IRR **and then** looks
 * at the level, each under the lock. So one of the two sends the message. In between, with the lock free, the EOI tells the
 * watchers of the pin: a resampler lowers the line there, and a device that raises the line again finds remote IRR set, and
 * leaves the delivery to the EOI.
 *
 * Left out: the throttle that KVM has for a level that stays up for 10,000 EOIs, and the tracking of RTC interrupts.
 * Any thread may call any method; the lock makes callers wait, so not within a reader section.
 * @see arch/x86/kvm/ioapic.c; Intel 82093AA
 */
export class IoApic {
  readonly #words: Words;
  readonly #registers: number;
  readonly #entries: number;
  readonly #lines: number;
  readonly #watched: number;
  readonly #lock: Mutex;
  readonly #apics: readonly LocalApic[];
  readonly #ended: (pin: Pin) => void;

  /**
   * @param ended - called with no lock held when a vector ends that a watched pin sends, before the pin can be delivered
   * again: KVM's acknowledgement notifiers
   */
  constructor(words: Words, regions: IoApicRegions, apics: readonly LocalApic[], ended: (pin: Pin) => void) {
    this.#words = words;
    this.#registers = regions.registers.at;
    this.#entries = regions.entries.at;
    this.#lines = regions.lines.at;
    this.#watched = regions.watched.at;
    this.#lock = new Mutex(words, regions.lock, 'ioapic.lock');
    this.#apics = apics;
    this.#ended = ended;
  }

  /** Every pin masked, every line low. No other thread may run. */
  reset(): void {
    for (let word = 0; word < REGISTERS; word++) store(this.#words, this.#registers + word, 0);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      store(this.#words, this.#low(pin), MASKED);
      store(this.#words, this.#low(pin) + 1, 0);
      store(this.#words, this.#lines + pin, 0);
    }
  }

  /**
   * Moves a pin's line. The line is up while at least one of its sources holds it up.
   * @param source - 0 to 31, the source that drives the line
   * @returns how many vCPUs took the message, 0 where the message coalesced, {@link IGNORED}; 1 for a line that is lowered
   * @see kvm_ioapic_set_irq, ioapic_set_irq
   */
  drive(pin: Pin, level: boolean, source: number): number {
    if (!(pin >= 0 && pin < IOAPIC_PINS)) return IGNORED;
    // guard: line-driven-under-lock
    this.#lock.lock();
    try {
      const line = this.#lines + pin;
      if (level) setBits(this.#words, line, 1 << source);
      else clearBits(this.#words, line, 1 << source);
      // guard: line-joins-sources
      return load(this.#words, line) === 0 ? this.#lowered(pin) : this.#raised(pin);
    } finally {
      this.#lock.unlock();
    }
  }

  #lowered(pin: Pin): number {
    clearBits(this.#words, this.#registers + IRR, 1 << pin);
    return LOWERED;
  }

  #raised(pin: Pin): number {
    const before = setBits(this.#words, this.#registers + IRR, 1 << pin);
    if ((load(this.#words, this.#low(pin)) & LEVEL_TRIGGERED) === 0) {
      clearBits(this.#words, this.#registers + DELIVERED, 1 << pin);
      // No edge: the line is up already.
      if ((before & (1 << pin)) !== 0) return COALESCED;
    }
    return this.#send(pin);
  }

  /** Delivers a pin by its entry, where the pin may be delivered. With the lock held. @see ioapic_service */
  #send(pin: Pin): number {
    const low = this.#low(pin);
    const entry = load(this.#words, low);
    const level = (entry & LEVEL_TRIGGERED) !== 0;
    // guard: remote-irr-holds-level
    if ((entry & MASKED) !== 0 || (level && (entry & REMOTE_IRR) !== 0)) return IGNORED;
    // guard: sent-edge-is-noted
    if (!level) setBits(this.#words, this.#registers + DELIVERED, 1 << pin);
    const destination = load(this.#words, low + 1) >>> DESTINATION_SHIFT;
    const taken = deliver(this.#apics, destination, (entry & LOGICAL) !== 0, entry, false);
    // Also where no local APIC has the destination, as in KVM; not where all with the destination are disabled.
    if (level && taken !== 0) store(this.#words, low, entry | REMOTE_IRR);
    return taken;
  }

  /**
   * The end of a vector, as a local APIC broadcasts it. Of every pin that sends the vector: tells its watchers, then,
   * if the vector was level-triggered, clears remote IRR and delivers again where the line is still up.
   * @see kvm_ioapic_update_eoi
   */
  endOfInterrupt(vector: number, level: boolean): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      if ((load(this.#words, this.#low(pin)) & VECTOR) !== vector) continue;
      // guard: end-passed-on-before-rearm
      if (this.isWatched(pin)) this.#ended(pin);
      // guard: ended-level-is-rearmed
      if (level) this.#rearm(pin);
    }
  }

  #rearm(pin: Pin): void {
    // guard: rearm-looks-under-lock
    this.#lock.lock();
    try {
      const low = this.#low(pin);
      const entry = load(this.#words, low) & ~REMOTE_IRR;
      store(this.#words, low, entry);
      // An edge that shares the vector is not pending for its line being up.
      // guard: rearm-sends-line-up
      if ((entry & LEVEL_TRIGGERED) !== 0 && this.#isUp(pin)) this.#send(pin);
    } finally {
      this.#lock.unlock();
    }
  }

  /** A 32-bit read within the frame. The guest. */
  read(offset: number): number {
    if (offset === IOREGSEL) return load(this.#words, this.#registers + SELECTED);
    if (offset !== IOWIN) return 0;
    const selected = load(this.#words, this.#registers + SELECTED);
    if (selected === IOAPICVER) return VERSION;
    if (selected === IOAPICID || selected === IOAPICARB) return load(this.#words, this.#registers + ID);
    const pin = (selected - IOREDTBL) >> 1;
    return pin >= 0 && pin < IOAPIC_PINS
      ? load(this.#words, this.#low(pin) + (selected & 1)) >>> 0
      : 0xffff_ffff;
  }

  /** A 32-bit write within the frame. The guest, one vCPU at a time between IOREGSEL and IOWIN. */
  write(offset: number, value: number): void {
    if (offset === IOREGSEL) store(this.#words, this.#registers + SELECTED, value & 0xff);
    if (offset !== IOWIN) return;
    const selected = load(this.#words, this.#registers + SELECTED);
    if (selected === IOAPICID) store(this.#words, this.#registers + ID, value & (0xf << ID_SHIFT));
    const pin = (selected - IOREDTBL) >> 1;
    if (pin >= 0 && pin < IOAPIC_PINS) this.#writeEntry(pin, selected & 1, value);
  }

  /** @see ioapic_write_indirect */
  #writeEntry(pin: Pin, half: number, value: number): void {
    this.#lock.lock();
    try {
      const low = this.#low(pin);
      if (half === 1) store(this.#words, low + 1, value & DESTINATION);
      else {
        const kept = load(this.#words, low) & READ_ONLY;
        // guard: read-only-bits-stay
        const written = (value & KEPT & ~READ_ONLY) | kept;
        // Linux clears remote IRR so: Linux makes the entry edge-triggered for a moment.
        store(this.#words, low, (written & LEVEL_TRIGGERED) !== 0 ? written : written & ~REMOTE_IRR);
      }
      // A level that came while the pin was masked. An edge that did is gone.
      // guard: unmask-sends-line-up
      if ((load(this.#words, low) & LEVEL_TRIGGERED) !== 0 && this.#isUp(pin)) this.#send(pin);
    } finally {
      this.#lock.unlock();
    }
  }

  /** Asks for the ends of a pin; false if they were asked for already. */
  watch(pin: Pin): boolean {
    return (setBits(this.#words, this.#watched, 1 << pin) & (1 << pin)) === 0;
  }

  unwatch(pin: Pin): boolean {
    return (clearBits(this.#words, this.#watched, 1 << pin) & (1 << pin)) !== 0;
  }

  isWatched(pin: Pin): boolean {
    return (load(this.#words, this.#watched) & (1 << pin)) !== 0;
  }

  /** Pins that are pending: the line is up, and was not delivered as an edge. @see kvm_get_ioapic */
  get pending(): number {
    return load(this.#words, this.#registers + IRR) & ~load(this.#words, this.#registers + DELIVERED);
  }

  /** The low word of a pin's entry, with its remote IRR. */
  entry(pin: Pin): number {
    return load(this.#words, this.#low(pin));
  }

  #isUp(pin: Pin): boolean {
    return (load(this.#words, this.#registers + IRR) & (1 << pin)) !== 0;
  }

  #low(pin: Pin): number {
    return this.#entries + pin * ENTRY_WORDS;
  }
}
