import type { Layout, Region } from '../memory/layout.ts';
import { type Handle, NO_HANDLE } from '../memory/slots.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Fd } from './gsi.ts';

const HOOK_WORDS = 4;
const HANDLE = 0;
const REMEMBERED = 1;

/** Adds a hook for each of `eventfds` eventfds to a layout. */
export function hooksRegion(layout: Layout, eventfds: number): Region {
  return layout.region('irqfd.hooks', eventfds * HOOK_WORDS);
}

/**
 * By eventfd, two things that a writer reads first: the irqfd on the eventfd (its hook), and the LPI at which the
 * irqfd's signals end, if known (`Injector.remember`). The LPI is known only while the hook exists: a writer that finds
 * the LPI need not read the hook, and a thread that removes the hook first makes the injector forget the LPI.
 *
 * Any thread may call `of` and `memoryOf`; all else requires irqfds.lock.
 */
export class Hooks {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  /** The irqfd on `fd`, or `NO_HANDLE`. */
  of(fd: Fd): Handle {
    return load(this.#words, this.#at + fd * HOOK_WORDS + HANDLE) as Handle;
  }

  set(fd: Fd, handle: Handle): void {
    store(this.#words, this.#at + fd * HOOK_WORDS + HANDLE, handle);
  }

  clear(fd: Fd): void {
    this.set(fd, NO_HANDLE);
  }

  /** Where the words that remember the LPI of `fd` lie. */
  memoryOf(fd: Fd): number {
    return this.#at + fd * HOOK_WORDS + REMEMBERED;
  }
}
