import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import type { Readers } from '../memory/readers.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import type { Gsi } from './gsi.ts';
import type { PinEnds } from './irqchip.ts';
import type { Route } from './route.ts';

export type ResamplerRegions = {
  /** One word: the number of resampling irqfds. */
  readonly count: Region;
  /** By GSI: the slot of the first resampling irqfd, 0 for none. */
  readonly heads: Region;
  /** By slot: the next resampling irqfd of the same GSI. */
  readonly links: Region;
  /** Held while a chain changes, and while an EOI walks a chain. */
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
  /** The GSI to resample when a pin ends; called inside a reader section. */
  readonly gsiOfPin: (pin: Pin) => Gsi;
  /** Pins in the routing table. */
  readonly pins: number;
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  readonly ends: PinEnds;
};

/**
 * The resamplers of a VM: for each GSI, the chain of irqfds assigned with RESAMPLE. As in KVM, they share one notifier
 * because they share one line: the resampler lowers the line once, and then writes every resamplefd.
 *
 * The watched pins follow from the chains and from the table's map of pins to GSIs. Both change only under the VM's irq
 * lock, so no change misses the other. A watch begins **before** the change that needs it: before the irqfd is hooked,
 * and before the table that leads to the irqfd is published. So every EOI of an interrupt of the new state is seen.
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

  /** Adds an irqfd to the chain of its GSI and watches the pins that the table maps to it. With the irq lock held. */
  link(slot: number, gsi: Gsi): void {
    // No table can route such a GSI, so no EOI reaches it.
    if (gsi < 0 || gsi >= this.#gsis) return;
    this.#lock.lock();
    add(this.#words, this.#count, 1);
    store(this.#words, this.#links + slot, load(this.#words, this.#heads + gsi));
    store(this.#words, this.#heads + gsi, slot);
    this.#lock.unlock();
    this.#watchPinsOf(gsi);
  }

  /** Takes an irqfd out of its chain; true if the chain is now empty. The caller holds the irq lock. */
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

  /** Watches the pins that the next table needs, before its publication. The caller holds the irq lock. */
  watchFor(routes: readonly Route[]): void {
    if (load(this.#words, this.#count) === 0) return;
    for (const route of routes) {
      if (route.type === 'irqchip' && this.has(route.gsi)) this.#ends.watch(route.pin);
    }
  }

  /**
   * Ends the watches that the table in force does not need. The caller holds the irq lock and has replaced the table.
   */
  settle(): void {
    // Otherwise the last resampler's removal has ended every watch.
    if (load(this.#words, this.#count) !== 0) this.#unwatchUnused();
  }

  /** Waits until an EOI that some thread is passing on has reached every resampler. */
  flush(): void {
    this.#lock.lock();
    this.#lock.unlock();
  }

  /**
   * Passes on the EOI of every watched pin whose note no thread has taken: {@link pinEnded}. Returns the number of
   * pins. Any thread, outside every section and lock: usually the vCPU that ended the interrupt, right after its EOI.
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
   * Passes on the EOI of a pin: lowers the line of its GSI once, then resamples each of its irqfds. Any thread, outside
   * every section and lock.
   * @param lower - kvm_set_irq(gsi, 0)
   * @param tell - writes the resamplefd of an irqfd
   */
  pinEnded(pin: Pin, lower: (gsi: Gsi) => void, tell: (slot: number) => void): void {
    this.#lock.lock();
    try {
      this.#readers.enter(this.#reader);
      const gsi = this.#gsiOfPin(pin);
      this.#readers.leave(this.#reader);
      if (!this.has(gsi)) return;
      // Once, and before any resamplefd is written: the first device may raise the line again at once, and a second
      // lowering would undo that. @see race-catalogue `split-deassert`
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
