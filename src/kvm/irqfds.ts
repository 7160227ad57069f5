import { Bitmap } from '../memory/bitmap.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../memory/event-count.ts';
import { EVENTFD_WORDS, EventFd } from '../memory/eventfd.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { MUTEX_WORDS, Mutex } from '../memory/mutex.ts';
import type { Readers } from '../memory/readers.ts';
import { beginWrite, endWrite } from '../memory/sequence.ts';
import { type Handle, NO_HANDLE, Slots, slotOf, slotsWords } from '../memory/slots.ts';
import { SummaryBitmap, summaryBitmapWords } from '../memory/summary-bitmap.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Fd } from './gsi.ts';
import type { Injector } from './injector.ts';
import { KvmError } from './kvm-error.ts';
import { copyRoute, putRoute } from './route.ts';
import type { RoutingTable } from './routing-table.ts';

const CALL = 'KVM_IRQFD';

// An irqfd: two cache lines. The first is written when it is assigned, the second when its route changes.
const RECORD_WORDS = 2 * LINE;
const EVENTFD = 0;
const GSI = 1;
const SEQUENCE = LINE;
const ROUTE = LINE + 1;

/** `inline`: the thread that writes the eventfd routes and injects; `main`: it leaves that to the main thread. */
export type Dispatch = 'main' | 'inline';

export type IrqFdRegions = {
  readonly eventfds: readonly Region[];
  /** By eventfd: the handle of the irqfd on it, or 0. */
  readonly hooks: Region;
  readonly slots: Region;
  readonly records: Region;
  /** Irqfds whose cached route is kept up to date. */
  readonly active: Region;
  /** Irqfds with an injection left to the main thread. */
  readonly work: Region;
  /** Eventfds written and left to the main thread. */
  readonly rung: Region;
  /** Where the main thread sleeps. */
  readonly bell: Region;
  /** Held over assignment, deassignment and refreshing. KVM: irqfds.lock. */
  readonly lock: Region;
  /** Held while the main thread injects for an irqfd: what a deassignment waits for. KVM: flush_work(). */
  readonly workLock: Region;
};

/** Adds room for `eventfds` eventfds, each of which may be an irqfd. */
export function irqFdRegions(layout: Layout, eventfds: number): IrqFdRegions {
  return {
    eventfds: Array.from({ length: eventfds }, (_, fd) => layout.region(`eventfd${fd}`, EVENTFD_WORDS)),
    hooks: layout.region('irqfd.hooks', eventfds),
    slots: layout.region('irqfd.slots', slotsWords(eventfds)),
    records: layout.region('irqfd.records', (eventfds + 1) * RECORD_WORDS),
    active: layout.region('irqfd.active', Math.ceil((eventfds + 1) / 32)),
    work: layout.region('irqfd.work', summaryBitmapWords(eventfds + 1)),
    rung: layout.region('irqfd.rung', summaryBitmapWords(Math.max(1, eventfds))),
    bell: layout.region('main.bell', EVENT_COUNT_WORDS),
    lock: layout.region('irqfd.lock', MUTEX_WORDS),
    workLock: layout.region('irqfd.workLock', MUTEX_WORDS),
  };
}

/**
 * Irqfds: eventfds whose writes inject an interrupt. Any thread; one view for each thread.
 *
 * What keeps an event from being lost or doubled while its irqfd comes and goes:
 * - A writer that finds a hook injects within a reader section, and the count is not touched: written and consumed at
 *   once. A writer that finds none adds to the count **and then looks for the hook again**; an assignment installs the
 *   hook **and then drains the count**: an event between the two is seen by one of them, and draining is atomic.
 * - A deassignment takes the hook away, waits for every writer that may have seen it, then runs what is left to the
 *   main thread, in the thread that deassigns. Unhook, flush, free, in this order: afterwards nothing is injected.
 * @see virt/kvm/eventfd.c; race-catalogue entries 11, 12, 13, 15
 */
export class IrqFds {
  readonly #words: Words;
  readonly #regions: IrqFdRegions;
  readonly #eventfds: readonly EventFd[];
  readonly #slots: Slots;
  readonly #active: Bitmap;
  readonly #work: SummaryBitmap;
  readonly #rung: SummaryBitmap;
  readonly #lock: Mutex;
  readonly #workLock: Mutex;
  readonly #readers: Readers;
  readonly #reader: number;
  readonly #routing: RoutingTable;
  readonly #injector: Injector;
  readonly #inline: boolean;
  /** Where the main thread sleeps while nothing is rung. */
  readonly bell: EventCount;

  constructor(words: Words, regions: IrqFdRegions, parts: IrqFdParts) {
    const count = regions.eventfds.length;
    this.#words = words;
    this.#regions = regions;
    this.#eventfds = regions.eventfds.map((region) => new EventFd(words, region));
    this.#slots = new Slots(words, regions.slots, 'irqfd');
    this.#active = new Bitmap(words, regions.active);
    this.#work = new SummaryBitmap(words, regions.work, count + 1);
    this.#rung = new SummaryBitmap(words, regions.rung, Math.max(1, count));
    this.#lock = new Mutex(words, regions.lock, 'irqfds.lock');
    this.#workLock = new Mutex(words, regions.workLock, 'the irqfd work lock');
    this.#readers = parts.readers;
    this.#reader = parts.reader;
    this.#routing = parts.routing;
    this.#injector = parts.injector;
    this.#inline = parts.dispatch === 'inline';
    this.bell = new EventCount(words, regions.bell);
  }

  /** Once, by who creates the memory. */
  init(): void {
    this.#slots.init();
    for (const eventfd of this.#eventfds) eventfd.init();
  }

  get count(): number {
    return this.#eventfds.length;
  }

  eventfd(fd: Fd): EventFd {
    const eventfd = this.#eventfds[fd];
    if (!eventfd)
      throw new KvmError(CALL, 'EBADF', `eventfds are 0 to ${this.#eventfds.length - 1}, not ${fd}`);
    return eventfd;
  }

  /** Writes 1 to an eventfd, as a device does: with an irqfd on it, an interrupt is raised. The hot path of a device. */
  write(fd: number): void {
    if (this.#inline) {
      this.#readers.enter(this.#reader);
      const hook = load(this.#words, this.#regions.hooks.at + fd) as Handle;
      if (hook !== NO_HANDLE) {
        const slot = slotOf(hook);
        // Within the section: a deassignment that waits for us finds the work and runs it.
        if (!this.#injectFast(slot)) this.#defer(slot);
        this.#readers.leave(this.#reader);
        return;
      }
      this.#readers.leave(this.#reader);
    }
    this.#eventfds[fd]?.tryWrite(1);
    if (!this.#inline || load(this.#words, this.#regions.hooks.at + fd) !== NO_HANDLE) {
      this.#rung.set(fd);
      this.bell.signal();
    }
  }

  /**
   * KVM_IRQFD: hooks an eventfd to a GSI. What was written before counts: it is injected at once.
   * @throws KvmError EBADF for no eventfd, EBUSY if it has an irqfd already
   */
  assign(fd: Fd, gsi: number): Handle {
    const eventfd = this.eventfd(fd);
    this.#lock.lock();
    try {
      if (load(this.#words, this.#regions.hooks.at + fd) !== NO_HANDLE) {
        throw new KvmError(CALL, 'EBUSY', `eventfd ${fd} is an irqfd already: deassign it first`);
      }
      const handle = this.#slots.tryTake();
      if (handle === NO_HANDLE) throw new KvmError(CALL, 'ENOMEM', 'every irqfd of this machine is in use');
      const slot = slotOf(handle);
      const at = this.#at(slot);
      store(this.#words, at + EVENTFD, fd);
      store(this.#words, at + GSI, gsi);
      this.#active.set(slot);
      this.#refresh(slot);
      store(this.#words, this.#regions.hooks.at + fd, handle);
      if (eventfd.drain()) this.#defer(slot);
      return handle;
    } finally {
      this.#lock.unlock();
    }
  }

  /**
   * KVM_IRQFD with DEASSIGN: takes the irqfd of `fd` for `gsi` away. After its return nothing that it signalled is
   * injected any more; what is written later stays in the eventfd. True if there was one. Waits for a grace period.
   */
  deassign(fd: Fd, gsi: number): boolean {
    this.eventfd(fd);
    this.#lock.lock();
    const hook = load(this.#words, this.#regions.hooks.at + fd) as Handle;
    const slot = slotOf(hook);
    const found = hook !== NO_HANDLE && load(this.#words, this.#at(slot) + GSI) === gsi;
    if (found) {
      store(this.#words, this.#regions.hooks.at + fd, NO_HANDLE);
      this.#active.claim(slot);
    }
    this.#lock.unlock();
    if (!found) return false;
    this.#readers.synchronize();
    this.#workLock.lock();
    try {
      this.#runWork(slot);
    } finally {
      this.#workLock.unlock();
    }
    this.#slots.retire(hook);
    return true;
  }

  /** The GSI that writes to `fd` inject, or -1. */
  gsiOf(fd: Fd): number {
    const hook = load(this.#words, this.#regions.hooks.at + fd) as Handle;
    return hook === NO_HANDLE ? -1 : load(this.#words, this.#at(slotOf(hook)) + GSI);
  }

  /** Copies the routes in force into every irqfd: the last step of replacing the table. @see irqfd_update */
  refreshAll(): void {
    this.#lock.lock();
    try {
      for (let slot = this.#active.next(0); slot >= 0; slot = this.#active.next(slot + 1))
        this.#refresh(slot);
    } finally {
      this.#lock.unlock();
    }
  }

  /**
   * Injects for every eventfd that was left to the main thread. The main thread only; returns how many it served.
   * It never sleeps but for locks that are held for microseconds.
   */
  dispatchPending(): number {
    let served = 0;
    for (let fd = this.#rung.next(0); fd >= 0; fd = this.#rung.next(fd + 1)) {
      this.#rung.claim(fd);
      if (this.#serve(fd)) served++;
    }
    for (let slot = this.#work.next(0); slot >= 0; slot = this.#work.next(slot + 1)) {
      this.#workLock.lock();
      try {
        if (this.#runWork(slot)) served++;
      } finally {
        this.#workLock.unlock();
      }
    }
    return served;
  }

  /** Whether the main thread has something to do. The main thread only. */
  get anyPending(): boolean {
    return this.#rung.next(0) >= 0 || this.#work.next(0) >= 0;
  }

  /** Takes the count of an eventfd that was rung, and injects. Masked meanwhile: the count stays where it is. */
  #serve(fd: number): boolean {
    this.#workLock.lock();
    try {
      const hook = load(this.#words, this.#regions.hooks.at + fd) as Handle;
      if (hook === NO_HANDLE || !this.#eventfds[fd]?.drain()) return false;
      const slot = slotOf(hook);
      this.#readers.enter(this.#reader);
      const done = this.#injectFast(slot);
      this.#readers.leave(this.#reader);
      if (!done) this.#inject(slot);
      return true;
    } finally {
      this.#workLock.unlock();
    }
  }

  #runWork(slot: number): boolean {
    if (!this.#work.claim(slot)) return false;
    this.#inject(slot);
    return true;
  }

  /** KVM's irqfd_inject(): the slow path, by the table in force. A plain irqfd raises and lowers. */
  #inject(slot: number): void {
    const gsi = load(this.#words, this.#at(slot) + GSI);
    this.#injector.setIrq(gsi, true);
    this.#injector.setIrq(gsi, false);
  }

  /** Injects by the cached route; false if that cannot be done without a lock. Within a reader section. */
  #injectFast(slot: number): boolean {
    const at = this.#at(slot);
    return this.#injector.injectWithoutLock(at + ROUTE, at + SEQUENCE);
  }

  #defer(slot: number): void {
    this.#work.set(slot);
    this.bell.signal();
  }

  /** Copies the route in force into the irqfd. With the lock held. */
  #refresh(slot: number): void {
    const at = this.#at(slot);
    this.#readers.enter(this.#reader);
    const route = this.#routing.find(load(this.#words, at + GSI));
    beginWrite(this.#words, at + SEQUENCE);
    if (route < 0) putRoute(this.#words, at + ROUTE, undefined);
    else copyRoute(this.#words, at + ROUTE, route);
    endWrite(this.#words, at + SEQUENCE);
    this.#readers.leave(this.#reader);
  }

  #at(slot: number): number {
    return this.#regions.records.at + slot * RECORD_WORDS;
  }
}

export type IrqFdParts = {
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  readonly routing: RoutingTable;
  readonly injector: Injector;
  readonly dispatch: Dispatch;
};
