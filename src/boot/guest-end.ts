import type { VcpuId } from '../arch/intid.ts';
import { EventCount } from '../memory/event-count.ts';
import { load, replace, store, type Words } from '../memory/word.ts';
import type { BootRegions } from './plan.ts';

/** How a guest's run can end; `stopped` where the host ended it for a reason of its own. */
export const ENDS = ['power-off', 'reset', 'halted', 'limit', 'panic', 'stuck', 'stopped'] as const;
export type End = (typeof ENDS)[number];

const END = 0;
const STATUS = 1;
const VCPU = 2;

/** The end of a guest's run, in shared words: the first to say so decides. Any thread. */
export class GuestEnd {
  readonly #words: Words;
  readonly #at: number;
  /** Where the main thread sleeps until the end. */
  readonly bell: EventCount;

  constructor(words: Words, regions: Pick<BootRegions, 'end' | 'endBell'>) {
    this.#words = words;
    this.#at = regions.end.at;
    this.bell = new EventCount(words, regions.endBell);
  }

  /** Ends the run; true for the first caller. vCPUs see it between two slices. @param vcpu - whose doing it is, or -1 */
  say(end: End, status = 0, vcpu: VcpuId = -1): boolean {
    // The status is published before the end that makes readers look at it; a loser must not touch it.
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

  /** `undefined` while the guest runs, and for the moment in which the end is being written. */
  get kind(): End | undefined {
    const number = load(this.#words, this.#at + END);
    return number > 0 ? ENDS[number - 1] : undefined;
  }

  /** The exit status: what the guest gave through semihosting; else 0. */
  get status(): number {
    return load(this.#words, this.#at + STATUS);
  }

  /** The vCPU that ended the run, or -1. */
  get vcpu(): VcpuId {
    return load(this.#words, this.#at + VCPU);
  }
}
