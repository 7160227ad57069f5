import { Bitmap } from '../memory/bitmap.ts';
import { lowestBit } from '../memory/bits.ts';
import type { EventCount } from '../memory/event-count.ts';
import { EventFd } from '../memory/eventfd.ts';
import { Mutex } from '../memory/mutex.ts';
import { type Handle, NO_HANDLE, Slots, slotOf } from '../memory/slots.ts';
import { load, store, type Words } from '../memory/word.ts';
import { FD_CLOSED, FD_EVENTFD, FdTable } from './fds.ts';
import type { Fd, Gsi } from './gsi.ts';
import { Hooks } from './hooks.ts';
import { KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID as RESAMPLE } from './irqchip.ts';
import type { IrqFdParts } from './irqfd-parts.ts';
import {
  DEVICE,
  EVENTFD,
  GSI,
  type IrqFdOptions,
  type IrqFdRegions,
  RECORD_WORDS,
  RESAMPLEFD,
  RESAMPLEFD_STATE,
  ROUTE,
  SEQUENCE,
} from './irqfd-record.ts';
import { KvmError } from './kvm-error.ts';
import { LeftToMain } from './left-to-main.ts';

export type { Dispatch } from './irqfd-parts.ts';

const CALL = 'KVM_IRQFD';

/**
 * Irqfds: eventfds whose writes inject an interrupt. Any thread; one view for each thread.
 *
 * Why no event is lost or doubled while its irqfd comes and goes:
 * - A writer that finds a hook injects inside a reader section and leaves the count alone: the event is written and
 *   consumed at once. A writer without a hook adds to the count **and then looks for the hook again**; an assignment
 *   installs the hook **and then drains the count**. One of them sees an event in between, and draining is atomic.
 * - A deassignment removes the hook, waits for every writer that may have seen it, then runs the injection left to the
 *   main thread itself. Unhook, flush, free, in this order: afterwards nothing is injected. The deassignment holds the
 *   VM's irq lock, so a second deassignment returns only after the first has removed the irqfd. A thread that injects
 *   takes no lock that a deassignment holds while it waits.
 * @see virt/kvm/eventfd.c; race-catalogue entries 11, 12, 13, 15, 29
 */
export class IrqFds {
  readonly #words: Words;
  readonly #hooks: Hooks;
  readonly #records: number;
  readonly #eventfds: readonly EventFd[];
  readonly #fds: FdTable;
  readonly #slots: Slots;
  readonly #active: Bitmap;
  readonly #left: LeftToMain;
  readonly #lock: Mutex;
  readonly #readers: IrqFdParts['readers'];
  readonly #reader: number;
  readonly #irqchip: IrqFdParts['irqchip'];
  readonly #injector: IrqFdParts['injector'];
  readonly #resamplers: IrqFdParts['resamplers'];
  #inline: boolean;
  readonly #exclusive: boolean;

  constructor(words: Words, regions: IrqFdRegions, parts: IrqFdParts) {
    this.#words = words;
    this.#hooks = new Hooks(words, regions.hooks);
    this.#records = regions.records.at;
    this.#eventfds = regions.eventfds.map((region) => new EventFd(words, region));
    this.#fds = new FdTable(words, regions.fds);
    this.#slots = new Slots(words, regions.slots, 'irqfd');
    this.#active = new Bitmap(words, regions.active);
    this.#left = new LeftToMain(words, regions);
    this.#lock = new Mutex(words, regions.lock, 'irqfds.lock');
    this.#readers = parts.readers;
    this.#reader = parts.reader;
    this.#irqchip = parts.irqchip;
    this.#injector = parts.injector;
    this.#resamplers = parts.resamplers;
    this.#inline = parts.dispatch === 'inline';
    this.#exclusive = parts.exclusive ?? true;
  }

  /** The bell on which the main thread sleeps. */
  get bell(): EventCount {
    return this.#left.bell;
  }

  /** Whether the calling thread injects its own signals; until set, the machine's dispatch decides. */
  set inline(inline: boolean) {
    this.#inline = inline;
  }

  /** Initialises the shared state. Called once, by the thread that creates the memory. */
  init(): void {
    this.#slots.init();
  }

  get count(): number {
    return this.#eventfds.length;
  }

  /** @throws KvmError EBADF if the descriptor is not open, EINVAL if it is no eventfd */
  eventfd(fd: Fd): EventFd {
    return this.#existing(this.#fds.eventfd('eventfd', fd));
  }

  #existing(fd: Fd): EventFd {
    const eventfd = this.#eventfds[fd];
    if (eventfd) return eventfd;
    throw new KvmError('eventfd', 'EBADF', `eventfds are 0 to ${this.count - 1}, not ${fd}`);
  }

  /**
   * Writes 1 to an eventfd, open or not; an irqfd on it injects. The hot path of a device.
   * @throws KvmError EBADF for a number out of range
   */
  write(fd: Fd): void {
    // guard: raised-is-not-written
    if (this.#inline && this.raise(fd)) return;
    // guard: signal-is-written
    this.#existing(fd).tryWrite(1);
    // guard: writer-looks-for-hook-again
    this.ring(fd);
  }

  /**
   * Injects for the irqfd on `fd`, or leaves that to the main thread if it needs a lock; false without an irqfd.
   * @throws KvmError EBADF for a number out of range
   */
  raise(fd: Fd): boolean {
    this.#existing(fd);
    this.#readers.enter(this.#reader);
    // guard: irqfd-is-raised
    const raised = this.#irqchip.latchRemembered(this.#hooks.memoryOf(fd)) || this.#raiseByRoute(fd);
    // guard: section-ends-after-injection
    this.#readers.leave(this.#reader);
    return raised;
  }

  #raiseByRoute(fd: Fd): boolean {
    const hook = this.#hooks.of(fd);
    if (hook === NO_HANDLE) return false;
    const slot = slotOf(hook);
    // Inside the section: a deassignment that waits for this thread finds the work and runs it.
    if (!this.#injectFast(slot)) this.#left.defer(slot);
    return true;
  }

  /** Call after an addition to the count of `fd`: leaves the eventfd to the main thread if it was hooked meanwhile. */
  ring(fd: Fd): void {
    // guard: inline-ring-minds-hook
    if (!this.#inline || this.#hooks.of(fd) !== NO_HANDLE) this.#left.ring(fd);
  }

  /**
   * KVM_IRQFD: hooks an eventfd to a GSI; injects at once if its count is not 0. Resampling needs the irq lock.
   * @throws KvmError EBADF, EINVAL for another kind of descriptor, EBUSY if the eventfd has an irqfd, ENOMEM
   */
  assign(fd: Fd, gsi: Gsi, options: IrqFdOptions = {}): Handle {
    const { resamplefd, deviceId = -1 } = options;
    this.#lock.lock();
    try {
      const checked = this.#fds.eventfd(CALL, fd);
      if (resamplefd !== undefined) this.#fds.eventfd(CALL, resamplefd);
      if (this.#hooks.of(fd) !== NO_HANDLE || !this.#fds.attach(checked, this.#exclusive)) {
        throw new KvmError(CALL, 'EBUSY', `eventfd ${fd} is an irqfd already: deassign it first`);
      }
      const handle = this.#slots.tryTake();
      if (handle === NO_HANDLE) {
        this.#fds.detach(checked);
        throw new KvmError(CALL, 'ENOMEM', 'every irqfd of this machine is in use');
      }
      const slot = slotOf(handle);
      const at = this.#at(slot);
      store(this.#words, at + EVENTFD, fd);
      store(this.#words, at + GSI, gsi);
      store(this.#words, at + DEVICE, deviceId);
      store(this.#words, at + RESAMPLEFD, resamplefd === undefined ? 0 : resamplefd + 1);
      store(this.#words, at + RESAMPLEFD_STATE, this.#fds.stateOf(resamplefd ?? -1));
      if (resamplefd !== undefined) this.#resamplers.link(slot, gsi);
      this.#active.set(slot);
      this.#copyRoute(slot);
      // guard: irqfd-is-hooked
      this.#hooks.set(fd, handle);
      // guard: assignment-drains
      if (this.#eventfds[fd]?.drain()) this.#left.defer(slot);
      this.#remember(slot);
      return handle;
    } finally {
      this.#lock.unlock();
    }
  }

  /**
   * KVM_IRQFD with DEASSIGN: removes the irqfd of `fd` for `gsi`; true if there was one. After its return no earlier
   * signal is injected any more; a later write stays in the eventfd. Waits for a grace period. With the irq lock held.
   * @throws KvmError EBADF, EINVAL for another kind of descriptor
   */
  deassign(fd: Fd, gsi: Gsi): boolean {
    this.#fds.eventfd(CALL, fd);
    this.#lock.lock();
    const hook = this.#unhook(fd, gsi);
    // guard: unhooking-ends-lock
    this.#lock.unlock();
    // guard: deassignment-shuts-down
    return this.#shutDown(hook);
  }

  /**
   * close(2) of an eventfd's last reference: removes its irqfd as a deassignment does (EPOLLHUP). An irqfd that
   * resamples *to* the eventfd stays, and resamples no device. The caller holds the irq lock.
   * @throws KvmError EBADF
   */
  close(fd: Fd): void {
    this.#lock.lock();
    let hook: Handle = NO_HANDLE;
    try {
      this.#fds.eventfd('close', fd);
      // guard: close-unhooks
      hook = this.#unhook(fd, undefined);
      // Under the same lock as the unhooking: from here on, the number may name another eventfd, which has no irqfd.
      this.#fds.close(fd);
    } finally {
      this.#lock.unlock();
    }
    this.#shutDown(hook);
  }

  /** Removes the irqfd on an eventfd, whatever its GSI. For the end of a VM. The caller holds the irq lock. */
  hangUp(fd: Fd): void {
    this.#lock.lock();
    const hook = this.#unhook(fd, undefined);
    this.#lock.unlock();
    this.#shutDown(hook);
  }

  /** The GSI that writes to `fd` inject; -1 without an irqfd. */
  gsiOf(fd: Fd): Gsi {
    const hook = this.#hooks.of(fd);
    return hook === NO_HANDLE ? -1 : load(this.#words, this.#at(slotOf(hook)) + GSI);
  }

  /** Copies the routes in force into every irqfd: the last step of a table's replacement. @see irqfd_update */
  refreshAll(): void {
    this.#lock.lock();
    try {
      for (let slot = this.#active.next(0); slot >= 0; slot = this.#active.next(slot + 1)) {
        this.#copyRoute(slot);
        this.#remember(slot);
      }
    } finally {
      this.#lock.unlock();
    }
  }

  /** Main thread only: injects for every eventfd left to it; returns their number. Sleeps for short locks only. */
  dispatchPending(): number {
    let served = 0;
    for (let fd: Fd = this.#left.nextRung(0); fd >= 0; fd = this.#left.nextRung((fd | 31) + 1)) {
      // guard: ring-claimed-before-served
      const marked = this.#left.claimRung(fd);
      // guard: marked-is-served
      served += this.#serve(fd & ~31, marked);
    }
    for (let slot = this.#left.nextWork(0); slot >= 0; slot = this.#left.nextWork(slot + 1))
      if (this.#runWork(slot)) served++;
    return served;
  }

  /** Waits until the main thread's current injection has ended. */
  flushWork(): void {
    this.#left.flush();
  }

  /** Whether no signal is left to the main thread or in its hands. Any thread; not inside a reader section. */
  get isIdle(): boolean {
    for (let fd: Fd = 0; fd < this.count; fd++)
      if (this.#hooks.of(fd) !== NO_HANDLE && this.#eventfds[fd]?.readable) return false;
    for (let slot = 0; slot <= this.count; slot++) if (this.#left.hasWork(slot)) return false;
    this.flushWork();
    return true;
  }

  /** Whether the main thread has work. Main thread only. */
  get anyPending(): boolean {
    return this.#left.any;
  }

  /** Writes the resamplefd of an irqfd, unless it has been closed. */
  tell(slot: number): void {
    const at = this.#at(slot);
    const fd: Fd = load(this.#words, at + RESAMPLEFD) - 1;
    const state = load(this.#words, at + RESAMPLEFD_STATE);
    if (state !== FD_CLOSED && this.#fds.stateOf(fd) === state) this.write(fd);
  }

  /**
   * Takes the counts of marked eventfds and injects; returns their number. Skips an eventfd without an irqfd.
   * @param marked - a bit for each of 32 eventfds, from `first` on
   */
  #serve(first: Fd, marked: number): number {
    let served = 0;
    // guard: serving-excludes-work
    this.#left.lock();
    try {
      // speed: one lock and one reader section for all of them (bench stress).
      this.#readers.enter(this.#reader);
      for (let left = marked; left !== 0; left &= left - 1) {
        const fd: Fd = first + lowestBit(left);
        const hook = this.#hooks.of(fd);
        if (hook === NO_HANDLE || !this.#eventfds[fd]?.drainTold()) continue;
        served++;
        const slot = slotOf(hook);
        if (this.#irqchip.latchRemembered(this.#hooks.memoryOf(fd)) || this.#injectFast(slot)) continue;
        // The rest takes locks.
        this.#readers.leave(this.#reader);
        this.#inject(slot);
        this.#readers.enter(this.#reader);
      }
      this.#readers.leave(this.#reader);
    } finally {
      this.#left.unlock();
    }
    return served;
  }

  /** Runs an injection left to the main thread, unless another thread has run it. */
  #runWork(slot: number): boolean {
    this.#left.lock();
    try {
      // guard: work-claimed-before-done
      if (!this.#left.claimWork(slot)) return false;
      // guard: work-is-injected
      this.#inject(slot);
      return true;
    } finally {
      this.#left.unlock();
    }
  }

  /**
   * KVM's irqfd_inject(): the slow path. A plain irqfd raises and lowers; a resampling irqfd stays up until its EOI.
   */
  #inject(slot: number): void {
    const at = this.#at(slot);
    const gsi: Gsi = load(this.#words, at + GSI);
    const resamples = load(this.#words, at + RESAMPLEFD) !== 0;
    this.#injector.inject(gsi, at + ROUTE, true, resamples ? RESAMPLE : undefined);
    // guard: plain-irqfd-sends-edge
    if (!resamples) this.#injector.inject(gsi, at + ROUTE, false);
    // The slow path means that the LPI was not known, or is stale.
    // guard: remembers-under-lock
    this.#lock.lock();
    this.#remember(slot);
    // guard: remembering-ends-lock
    this.#lock.unlock();
  }

  /** Injects by the copy of the route; false if that needs a lock. Call inside a reader section. */
  #injectFast(slot: number): boolean {
    const at = this.#at(slot);
    return this.#injector.injectWithoutLock(at + ROUTE, at + SEQUENCE);
  }

  /** Removes the hook of `fd` if it is for `gsi` (undefined: any). The caller holds the lock. */
  #unhook(fd: Fd, gsi: Gsi | undefined): Handle {
    const hook = this.#hooks.of(fd);
    if (hook === NO_HANDLE) return NO_HANDLE;
    const slot = slotOf(hook);
    if (gsi !== undefined && load(this.#words, this.#at(slot) + GSI) !== (gsi | 0)) return NO_HANDLE;
    // guard: gone-irqfd-is-forgotten
    this.#injector.forget(this.#hooks.memoryOf(fd));
    this.#hooks.clear(fd);
    this.#active.claim(slot);
    return hook;
  }

  /** The rest of a deassignment: waits for the writers that saw the hook, runs the injection left behind, frees. */
  #shutDown(hook: Handle): boolean {
    if (hook === NO_HANDLE) return false;
    const slot = slotOf(hook);
    const at = this.#at(slot);
    // guard: deassignment-waits-for-writers
    this.#readers.synchronize();
    // guard: deassignment-runs-work
    this.#runWork(slot);
    if (load(this.#words, at + RESAMPLEFD) !== 0) {
      const gsi: Gsi = load(this.#words, at + GSI);
      // guard: last-resampler-lowers-line
      if (this.#resamplers.unlink(slot, gsi)) this.#injector.inject(gsi, at + ROUTE, false, RESAMPLE);
    }
    this.#fds.detach(load(this.#words, at + EVENTFD));
    this.#slots.retire(hook);
    return true;
  }

  /** Copies the route in force into the irqfd, and forgets its LPI. The caller holds the lock. */
  #copyRoute(slot: number): void {
    const at = this.#at(slot);
    // guard: route-change-forgets-lpi
    this.#injector.forget(this.#hooks.memoryOf(load(this.#words, at + EVENTFD)));
    const device = load(this.#words, at + DEVICE);
    this.#injector.cacheRoute(at + ROUTE, at + SEQUENCE, load(this.#words, at + GSI), device);
  }

  /** Remembers the LPI of an irqfd if the irqfd is still hooked. The caller holds the lock. */
  #remember(slot: number): void {
    const at = this.#at(slot);
    const fd: Fd = load(this.#words, at + EVENTFD);
    const hook = this.#hooks.of(fd);
    // guard: only-hooked-remembers
    if (hook !== NO_HANDLE && slotOf(hook) === slot)
      this.#injector.remember(this.#hooks.memoryOf(fd), at + ROUTE);
  }

  #at(slot: number): number {
    return this.#records + slot * RECORD_WORDS;
  }

  /** Opens an eventfd. @throws KvmError EMFILE */
  open(count: number | bigint, semaphore: boolean): Fd {
    const fd = this.#fds.open('eventfd', FD_EVENTFD);
    this.#eventfds[fd]?.init(count, semaphore);
    return fd;
  }
}
