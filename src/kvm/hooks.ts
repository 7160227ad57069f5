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
 * By eventfd, what a write to it looks at first: the irqfd on it, and, beside that, the LPI that its signals end in, as
 * far as it is known (`Injector.remember`). The LPI is known only while there is a hook: so a writer that finds the LPI may
 * do without the hook, and a thread that takes the hook away has the LPI forgotten first.
 *
 * Any thread may look; the rest with irqfds.lock held.
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

  /** Where the LPI of `fd` is remembered. */
  memoryOf(fd: Fd): number {
    return this.#at + fd * HOOK_WORDS + REMEMBERED;
  }
}
