import type { Layout, Region } from '../memory/layout.ts';
import { add, load, replace, store, type Words } from '../memory/word.ts';
import type { Fd } from './gsi.ts';
import { KvmError } from './kvm-error.ts';

/** The kinds of file descriptors. Other files of a process are out of scope. */
export const FD_CLOSED = 0;
export const FD_EVENTFD = 1;
export const FD_DEVICE = 2;
export const FD_VM = 3;
/** Taken but not yet open: the opening thread is still writing the payload. */
const FD_OPENING = 4;

const KIND = 0b111;
const GENERATION = KIND + 1;

const RECORD_WORDS = 4;
const STATE = 0;
const PAYLOAD = 1;
const IRQFDS = 2;

/** Descriptors for VMs and devices, beside those of eventfds. */
const OTHER_FDS = 32;

/** Adds room for `eventfds` eventfds and {@link OTHER_FDS} other descriptors. */
export function fdRegion(layout: Layout, eventfds: number): Region {
  return layout.region('fds', (eventfds + OTHER_FDS) * RECORD_WORDS);
}

/**
 * The file descriptors of the process that runs the VMs. Numbers below the count of eventfds are eventfds; the others
 * are VMs and devices. Closing a number moves its generation on. A holder of the {@link stateOf} of an eventfd, as the
 * kernel holds the eventfd's context, detects by the generation that the number now names another eventfd. Any thread.
 */
export class FdTable {
  readonly #words: Words;
  readonly #at: number;
  readonly #count: number;
  readonly #eventfds: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
    this.#count = region.words / RECORD_WORDS;
    this.#eventfds = this.#count - OTHER_FDS;
  }

  /** Opens every eventfd: for a machine whose eventfds exist from the start. */
  openAll(): void {
    for (let fd: Fd = 0; fd < this.#eventfds; fd++) store(this.#words, this.#word(fd, STATE), FD_EVENTFD);
  }

  /** Opens the lowest free number of a kind. @throws KvmError EMFILE if no number is free */
  open(call: string, kind: number, payload = 0): Fd {
    const [from, to] = kind === FD_EVENTFD ? [0, this.#eventfds] : [this.#eventfds, this.#count];
    for (let fd: Fd = from; fd < to; fd++) {
      const at = this.#word(fd, STATE);
      const state = load(this.#words, at);
      if ((state & KIND) !== FD_CLOSED) continue;
      // Take the number first, then open it: two threads that meet at one number must not write each other's payload.
      // guard: number-is-taken
      if (!replace(this.#words, at, state, state | FD_OPENING)) continue;
      // guard: number-before-payload
      store(this.#words, this.#word(fd, PAYLOAD), payload);
      store(this.#words, at, state | kind);
      return fd;
    }
    throw new KvmError(call, 'EMFILE', `all ${to - from} descriptors of this kind are open`);
  }

  /** Closes a number and moves its generation on; false if it was not open. */
  close(fd: Fd): boolean {
    const at = this.#word(fd, STATE);
    for (;;) {
      const state = this.stateOf(fd);
      if ((state & KIND) === FD_CLOSED) return false;
      if (replace(this.#words, at, state, ((state & ~KIND) + GENERATION) | 0)) return true;
    }
  }

  /** Kind and generation in one word; {@link FD_CLOSED} for a number out of range. */
  stateOf(fd: Fd): number {
    return Number.isInteger(fd) && fd >= 0 && fd < this.#count
      ? load(this.#words, this.#word(fd, STATE))
      : FD_CLOSED;
  }

  kindOf(fd: Fd): number {
    return this.stateOf(fd) & KIND;
  }

  /** The object behind a VM or device descriptor. */
  payloadOf(fd: Fd): number {
    return load(this.#words, this.#word(fd, PAYLOAD));
  }

  /** Returns `fd` if it is an eventfd. @throws KvmError EBADF if it is not open, EINVAL if it is another kind */
  eventfd(call: string, fd: Fd): Fd {
    const kind = this.kindOf(fd);
    if (kind === FD_CLOSED) throw new KvmError(call, 'EBADF', `file descriptor ${fd} is not open`);
    if (kind !== FD_EVENTFD) throw new KvmError(call, 'EINVAL', `file descriptor ${fd} is not an eventfd`);
    return fd;
  }

  /**
   * Counts an irqfd on an eventfd, of whichever VM.
   * @param exclusive - an eventfd takes one irqfd over all VMs (Linux 6.17 on); else one of each VM
   * @returns false, with nothing counted, if the eventfd is taken already
   */
  attach(fd: Fd, exclusive: boolean): boolean {
    const at = this.#word(fd, IRQFDS);
    if (exclusive) return replace(this.#words, at, 0, 1);
    add(this.#words, at, 1);
    return true;
  }

  detach(fd: Fd): void {
    add(this.#words, this.#word(fd, IRQFDS), -1);
  }

  #word(fd: Fd, field: number): number {
    return this.#at + fd * RECORD_WORDS + field;
  }
}
