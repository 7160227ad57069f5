import type { VcpuId } from '../arch/intid.ts';
import { EventCount } from '../memory/event-count.ts';
import { load, replace, store, type Words } from '../memory/word.ts';
import type { BootRegions } from './plan.ts';

/** How a guest's run can end. `stopped`: the host ended it. */
export const ENDS = ['power-off', 'reset', 'halted', 'limit', 'panic', 'stuck', 'stopped'] as const;
export type End = (typeof ENDS)[number];

const END = 0;
const STATUS = 1;
const VCPU = 2;

/** The end of a guest's run, in shared words; the first caller of {@link GuestEnd.say} decides. Any thread. */
export class GuestEnd {
  readonly #words: Words;
  readonly #at: number;
  /** The bell on which the main thread sleeps until the end. */
  readonly bell: EventCount;

  constructor(words: Words, regions: Pick<BootRegions, 'end' | 'endBell'>) {
    this.#words = words;
    this.#at = regions.end.at;
    this.bell = new EventCount(words, regions.endBell);
  }

  /** Ends the run; true for the first caller. vCPUs read the end between two slices. @param vcpu - the vCPU that ends the run, or -1 */
  say(end: End, status = 0, vcpu: VcpuId = -1): boolean {
    // The winner stores the status before the end, which readers load first. A loser must not store a status.
    if (!replace(this.#words, this.#at + END, 0, -1)) return false;
    store(this.#words, this.#at + STATUS, status);
    store(this.#words, this.#at + VCPU, vcpu);
    store(this.#words, this.#at + END, ENDS.indexOf(end) + 1);
    this.bell.signal();
    return true;
  }

  get hasCome(): boolean {
    return load(this.#words, this.#at + END) !== 0;
  }

  /** `undefined` while the guest runs, and until the winner has stored the end. */
  get kind(): End | undefined {
    return ENDS[load(this.#words, this.#at + END) - 1];
  }

  /** The exit status from semihosting; else 0. */
  get status(): number {
    return load(this.#words, this.#at + STATUS);
  }

  /** The vCPU that ended the run, or -1. */
  get vcpu(): VcpuId {
    return load(this.#words, this.#at + VCPU);
  }
}
