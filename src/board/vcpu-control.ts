import type { VcpuId } from '../arch/intid.ts';
import { type Layout, LINE, type Region, type SizedKind, wordNames } from '../memory/layout.ts';
import { load, lower, peek, poke, raise, store, type Words } from '../memory/word.ts';

/** Requests to a running vCPU, bits of one word. @see KVM_REQ_*, vcpu-requests.rst */
export const REQUEST_EXIT = 1 << 0;
export const REQUEST_PAUSE = 1 << 1;

/** The mode of a vCPU's thread. */
export const OUTSIDE = 0;
export const IN_GUEST = 1;
export const HALTED = 2;

const REQUESTS = 0;
// The vCPU's thread alone writes the second line; threads with requests write the first.
const MODE = LINE;
const TAKEN = LINE + 1;
const SPURIOUS = LINE + 2;
const HALTS = LINE + 3;
const POLL_HITS = LINE + 4;
const POLL_NS = LINE + 5;

const COUNTERS = { taken: TAKEN, spurious: SPURIOUS, halts: HALTS, pollHits: POLL_HITS } as const;
export type VcpuCounter = keyof typeof COUNTERS;
/** Since boot, modulo 2^32: interrupts taken, spurious acknowledges, times parked, halts that polling cut short. */
export type VcpuCounters = Readonly<Record<VcpuCounter, number>>;

/** A restore clears all requests and modes: no thread waits for a request, and no vCPU is in its guest. */
export const VCPU_CONTROL: SizedKind = {
  name: 'vCPU control',
  words: 2 * LINE,
  wordName: wordNames({
    [REQUESTS]: 'requests',
    [MODE]: 'mode',
    [TAKEN]: 'taken',
    [SPURIOUS]: 'spurious',
    [HALTS]: 'halts',
    [POLL_HITS]: 'pollHits',
    [POLL_NS]: 'pollNs',
  }),
  restored: (words, { at }) => {
    store(words, at + REQUESTS, 0);
    store(words, at + MODE, OUTSIDE);
  },
};

export function vcpuControlRegion(layout: Layout, vcpu: VcpuId): Region {
  return layout.place(`vcpu${vcpu}.control`, VCPU_CONTROL);
}

/** The words that control and show a vCPU. Any thread sets requests; the vCPU's thread writes the rest. */
export class VcpuControl {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  /** Sets requests. Rings no bell: the caller rings the vCPU's bell **afterwards**. Any thread. */
  request(bits: number): void {
    raise(this.#words, this.#at + REQUESTS, bits);
  }

  /** The outstanding requests. */
  get requests(): number {
    return load(this.#words, this.#at + REQUESTS);
  }

  /** Withdraws a request, or marks it as done; true for exactly one caller. */
  take(bit: number): boolean {
    return lower(this.#words, this.#at + REQUESTS, bit) !== 0;
  }

  get mode(): number {
    return load(this.#words, this.#at + MODE);
  }

  set mode(mode: number) {
    store(this.#words, this.#at + MODE, mode);
  }

  get isHalted(): boolean {
    return this.mode === HALTED;
  }

  /** Interrupts taken, modulo 2^32. An increment also shows that the handler of the interrupt before has ended. */
  get taken(): number {
    return load(this.#words, this.#at + TAKEN);
  }

  /** Times parked, modulo 2^32. For the vCPU's thread. */
  get halts(): number {
    return peek(this.#words, this.#at + HALTS) >>> 0;
  }

  countTaken(): void {
    store(this.#words, this.#at + TAKEN, (peek(this.#words, this.#at + TAKEN) + 1) | 0);
  }

  count(counter: VcpuCounter): void {
    const at = this.#at + COUNTERS[counter];
    poke(this.#words, at, (peek(this.#words, at) + 1) | 0);
  }

  /** How long the next halt polls, ns. Only the vCPU's thread writes it. */
  get pollNs(): number {
    return peek(this.#words, this.#at + POLL_NS);
  }

  set pollNs(ns: number) {
    poke(this.#words, this.#at + POLL_NS, ns);
  }

  counters(): VcpuCounters {
    const read = (counter: VcpuCounter) => load(this.#words, this.#at + COUNTERS[counter]) >>> 0;
    return {
      taken: read('taken'),
      spurious: read('spurious'),
      halts: read('halts'),
      pollHits: read('pollHits'),
    };
  }
}
