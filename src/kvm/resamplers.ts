import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import type { Readers } from '../memory/readers.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import type { Gsi } from './gsi.ts';
import type { PinEnds } from './irqchip.ts';
import type { Route } from './route.ts';

export type ResamplerRegions = {
  /** One word: how many irqfds resample. */
  readonly count: Region;
  /** By GSI: the slot of the first resampling irqfd, 0 where there is none. */
  readonly heads: Region;
  /** By slot: the next one of the same GSI. */
  readonly links: Region;
  /** Held while a chain changes, and while an acknowledgement goes along one. */
  readonly lock: Region;
};

export function resamplerRegions(layout: Layout, irqfds: number, gsis: number): ResamplerRegions {
  return {
    count: layout.region('resampler.count', 1),
    heads: layout.region('resampler.heads', gsis),
    links: layout.region('resampler.links', irqfds + 1),
    lock: layout.place('resampler.lock', MUTEX),
  };
}

export type ResamplerParts = {
  /** Which GSI is told of the end of a pin; called within a reader section. */
  readonly gsiOfPin: (pin: Pin) => Gsi;
  /** Pins that the table has room for. */
  readonly pins: number;
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  readonly ends: PinEnds;
};

/**
 * The resamplers of a VM: for each GSI, the chain of irqfds that were assigned with RESAMPLE. They share one notifier, as
 * in KVM, because they share one line: it is lowered once, and then all of them are told.
 *
 * Which pins are watched for their end follows from two things, the chains and the table's map from pins to GSIs. Both
 * change with the VM's irq lock held only, so the two cannot miss each other; and a watch begins **before** what makes
 * it needed: before the irqfd is hooked, and before the table that leads to it is published. So no end is overlooked
 * that belongs to an interrupt which the new state has raised.
 * @see kvm_irqfd_assign, irqfd_resampler_ack in eventfd.c; kvm_notify_acked_irq
 */
export class Resamplers {
  readonly #words: Words;
  readonly #count: number;
  readonly #heads: number;
  readonly #gsis: number;
  readonly #pins: number;
  readonly #links: number;
  readonly #lock: Mutex;
  readonly #gsiOfPin: (pin: Pin) => Gsi;
  readonly #readers: Readers;
  readonly #reader: number;
  readonly #ends: PinEnds;

  constructor(words: Words, regions: ResamplerRegions, parts: ResamplerParts) {
    this.#words = words;
    this.#count = regions.count.at;
    this.#heads = regions.heads.at;
    this.#gsis = regions.heads.words;
    this.#pins = parts.pins;
    this.#links = regions.links.at;
    this.#lock = new Mutex(words, regions.lock, 'the resampler lock');
    this.#gsiOfPin = parts.gsiOfPin;
    this.#readers = parts.readers;
    this.#reader = parts.reader;
    this.#ends = parts.ends;
  }

  /** Whether any irqfd resamples `gsi`. */
  has(gsi: Gsi): boolean {
    return gsi >= 0 && gsi < this.#gsis && load(this.#words, this.#heads + gsi) !== 0;
  }

  /** Adds an irqfd to the chain of its GSI, and watches the pins that the table leads there. With the irq lock held. */
  link(slot: number, gsi: Gsi): void {
    // A GSI that no table can have is never acknowledged.
    if (gsi < 0 || gsi >= this.#gsis) return;
    this.#lock.lock();
    add(this.#words, this.#count, 1);
    store(this.#words, this.#links + slot, load(this.#words, this.#heads + gsi));
    store(this.#words, this.#heads + gsi, slot);
    this.#lock.unlock();
    this.#watchPinsOf(gsi);
  }

  /** Takes an irqfd out of its chain; true if it was the last one there. With the irq lock held. */
  unlink(slot: number, gsi: Gsi): boolean {
    if (gsi < 0 || gsi >= this.#gsis) return true;
    this.#lock.lock();
    let at = this.#heads + gsi;
    while (load(this.#words, at) !== slot && load(this.#words, at) !== 0)
      at = this.#links + load(this.#words, at);
    store(this.#words, at, load(this.#words, this.#links + slot));
    add(this.#words, this.#count, -1);
    this.#lock.unlock();
    if (this.has(gsi)) return false;
    this.#unwatchUnused();
    return true;
  }

  /** Watches what a table will need that is about to be published. With the irq lock held. */
  watchFor(routes: readonly Route[]): void {
    if (load(this.#words, this.#count) === 0) return;
    for (const route of routes) {
      if (route.type === 'irqchip' && this.has(route.gsi)) this.#ends.watch(route.pin);
    }
  }

  /** Ends the watches that the table in force has no use for. With the irq lock held, after a table was replaced. */
  settle(): void {
    // The last resampler to go has ended every watch.
    if (load(this.#words, this.#count) !== 0) this.#unwatchUnused();
  }

  /** Waits until the acknowledgement that some thread may be passing on is done. */
  flush(): void {
    this.#lock.lock();
    this.#lock.unlock();
  }

  /**
   * Passes on the end of every watched pin of which the irqchip has a note that no thread has taken yet: {@link pinEnded}.
   * Returns how many pins there were. Any thread, outside every section and lock: right after its EOI, the vCPU that
   * ended the interrupt.
   */
  serve(lower: (gsi: Gsi) => void, tell: (slot: number) => void): number {
    let served = 0;
    for (let pin = this.#ends.take(); pin >= 0; pin = this.#ends.take()) {
      // guard: end-is-served-once
      served++;
      this.pinEnded(pin, lower, tell);
    }
    return served;
  }

  /**
   * Passes on the end of a pin: lowers the line of its GSI once, then tells each irqfd of it. Any thread, outside every
   * section and lock.
   * @param lower - kvm_set_irq(gsi, 0)
   * @param tell - signals the resamplefd of an irqfd
   */
  pinEnded(pin: Pin, lower: (gsi: Gsi) => void, tell: (slot: number) => void): void {
    this.#lock.lock();
    try {
      this.#readers.enter(this.#reader);
      const gsi = this.#gsiOfPin(pin);
      this.#readers.leave(this.#reader);
      if (!this.has(gsi)) return;
      // Once, and before any device is told: the first device may raise the line again at once, and
      // a second lowering would take that away. @see race-catalogue `split-deassert`
      // guard: line-lowered-before-telling
      lower(gsi);
      let slot = load(this.#words, this.#heads + gsi);
      // guard: each-device-is-told
      for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);
    } finally {
      this.#lock.unlock();
    }
  }

  #watchPinsOf(gsi: Gsi): void {
    this.#forEachPin((pin, named) => {
      if (named === gsi) this.#ends.watch(pin);
    });
  }

  #unwatchUnused(): void {
    this.#forEachPin((pin, gsi) => {
      if (!this.has(gsi) && this.#ends.isWatched(pin)) this.#ends.unwatch(pin);
    });
  }

  #forEachPin(visit: (pin: Pin, gsi: Gsi) => void): void {
    this.#readers.enter(this.#reader);
    for (let pin = 0; pin < this.#pins; pin++) visit(pin, this.#gsiOfPin(pin));
    this.#readers.leave(this.#reader);
  }
}
