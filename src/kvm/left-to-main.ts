import { EventCount } from '../memory/event-count.ts';
import { Mutex } from '../memory/mutex.ts';
import { SummaryBitmap } from '../memory/summary-bitmap.ts';
import type { Words } from '../memory/word.ts';
import type { Fd } from './gsi.ts';
import type { IrqFdRegions } from './irqfd-record.ts';

/**
 * Work that threads leave to the main thread, and the bell on which it sleeps: written eventfds, and irqfds whose
 * injection needs a lock. Any thread leaves work; only the main thread searches.
 * @see irqfd_wakeup and irqfd_inject in virt/kvm/eventfd.c: KVM leaves the latter to a work queue
 */
export class LeftToMain {
  readonly #rung: SummaryBitmap;
  readonly #work: SummaryBitmap;
  readonly #lock: Mutex;
  /** The bell on which the main thread sleeps. */
  readonly bell: EventCount;

  constructor(
    words: Words,
    {
      eventfds,
      rung,
      work,
      workLock,
      bell,
    }: Pick<IrqFdRegions, 'eventfds' | 'rung' | 'work' | 'workLock' | 'bell'>,
  ) {
    this.#rung = new SummaryBitmap(words, rung, Math.max(1, eventfds.length));
    this.#work = new SummaryBitmap(words, work, eventfds.length + 1);
    this.#lock = new Mutex(words, workLock, 'the irqfd work lock');
    this.bell = new EventCount(words, bell);
  }

  /** Leaves a written eventfd. */
  ring(fd: Fd): void {
    // guard: eventfd-is-marked
    this.#rung.set(fd);
    // guard: bell-after-mark
    this.bell.signal();
  }

  /** Leaves the injection of the irqfd in `slot`. */
  defer(slot: number): void {
    this.#work.set(slot);
    // guard: deferred-work-rings
    this.bell.signal();
  }

  /** Whether any work is left. */
  get any(): boolean {
    return this.nextRung(0) >= 0 || this.nextWork(0) >= 0;
  }

  /** The lowest marked eventfd from `from` on, or -1. */
  nextRung(from: Fd): Fd {
    return this.#rung.next(from);
  }

  /** Takes the marks of the 32 eventfds around `fd`; returns them, bit 0 for the first of the 32. */
  claimRung(fd: Fd): number {
    return this.#rung.claimWord(fd);
  }

  /** The lowest slot from `from` on with a left injection, or -1. */
  nextWork(from: number): number {
    return this.#work.next(from);
  }

  /** Takes a left injection; true for exactly one of any number of callers. Any thread. */
  claimWork(slot: number): boolean {
    return this.#work.claim(slot);
  }

  hasWork(slot: number): boolean {
    return this.#work.has(slot);
  }

  /** Taken by the thread that runs a left injection: one at a time. */
  lock(): void {
    this.#lock.lock();
  }

  unlock(): void {
    this.#lock.unlock();
  }

  /** Waits until the injection that some thread is running has ended. */
  flush(): void {
    this.#lock.lock();
    this.#lock.unlock();
  }
}
