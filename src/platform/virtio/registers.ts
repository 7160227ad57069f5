import { EVENT_COUNT_WORDS, EventCount } from '../../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { exchange, load, peek, poke, setBits, store, type Words } from '../../memory/word.ts';

// Words that the driver writes.
const WORDS = {
  deviceFeatureSelect: 0,
  driverFeatureSelect: 1,
  driverFeaturesLow: 2,
  driverFeaturesHigh: 3,
  configVector: 4,
  status: 5,
  queueSelect: 6,
  resetAsked: 7,
  isr: 8,
} as const;
export type VirtioRegister = keyof typeof WORDS;

const QUEUE_WORDS = {
  size: 0,
  vector: 1,
  enabled: 2,
  descriptorsLow: 3,
  descriptorsHigh: 4,
  driverLow: 5,
  driverHigh: 6,
  deviceLow: 7,
  deviceHigh: 8,
  // Words that only the device writes.
  taken: 9,
  returned: 10,
} as const;
export type QueueRegister = keyof typeof QUEUE_WORDS;

/** Counts of a device, modulo 2^32; only its thread writes them. */
const COUNTS = ['signals', 'requests', 'broken'] as const;
/** Offset behind the counts. */
const BUSY = COUNTS.length;
export type VirtioCount = (typeof COUNTS)[number];

/** No MSI-X vector. */
export const NO_VECTOR = 0xffff;
/** The most descriptors of a queue. */
export const QUEUE_SIZE = 128;

export type VirtioRegions = {
  readonly registers: Region;
  readonly queues: Region;
  readonly notified: Region;
  readonly counts: Region;
  readonly signals: Region;
  readonly bell: Region;
};

export function virtioRegions(layout: Layout, slot: number, queues: number): VirtioRegions {
  const name = `virtio${slot}`;
  return {
    registers: layout.region(`${name}.registers`, LINE),
    queues: layout.region(`${name}.queues`, LINE * queues),
    notified: layout.region(`${name}.notified`, 1),
    counts: layout.region(`${name}.counts`, COUNTS.length + 1),
    signals: layout.region(`${name}.signals`, queues + 1),
    bell: layout.region(`${name}.bell`, EVENT_COUNT_WORDS),
  };
}

/**
 * The words that a virtio device and its driver share. vCPUs' threads write the driver's registers; the device's thread writes the
 * counts. The driver requests a reset, and the device's thread performs it.
 */
export class VirtioRegisters {
  readonly queues: number;
  /** The bell on which the device's thread sleeps until a notification. */
  readonly bell: EventCount;
  readonly #words: Words;
  readonly #regions: VirtioRegions;

  constructor(words: Words, regions: VirtioRegions) {
    this.queues = regions.queues.words / LINE;
    this.#words = words;
    this.#regions = regions;
    this.bell = new EventCount(words, regions.bell);
  }

  get(register: VirtioRegister): number {
    return load(this.#words, this.#regions.registers.at + WORDS[register]);
  }

  set(register: VirtioRegister, value: number): void {
    store(this.#words, this.#regions.registers.at + WORDS[register], value);
  }

  /** Reads and clears the interrupt status. */
  takeIsr(): number {
    return exchange(this.#words, this.#regions.registers.at + WORDS.isr, 0);
  }

  raiseIsr(bits: number): void {
    setBits(this.#words, this.#regions.registers.at + WORDS.isr, bits);
  }

  queue(queue: number, register: QueueRegister): number {
    return load(this.#words, this.#regions.queues.at + LINE * queue + QUEUE_WORDS[register]);
  }

  setQueue(queue: number, register: QueueRegister, value: number): void {
    store(this.#words, this.#regions.queues.at + LINE * queue + QUEUE_WORDS[register], value);
  }

  /** Resets all words. Called before any thread runs, or by the device's thread. */
  reset(): void {
    for (const register of Object.keys(WORDS) as VirtioRegister[])
      if (register !== 'status' && register !== 'resetAsked') this.set(register, 0);
    this.set('configVector', NO_VECTOR);
    for (let queue = 0; queue < this.queues; queue++) {
      for (const register of Object.keys(QUEUE_WORDS) as QueueRegister[]) this.setQueue(queue, register, 0);
      this.setQueue(queue, 'size', QUEUE_SIZE);
      this.setQueue(queue, 'vector', NO_VECTOR);
    }
    store(this.#words, this.#regions.notified.at, 0);
    // Clears the status last: the driver waits until it reads 0.
    this.set('resetAsked', 0);
    this.set('status', 0);
  }

  /** Notifies the device of `queue`, and wakes its thread. Any thread. */
  notify(queue: number): void {
    setBits(this.#words, this.#regions.notified.at, 1 << queue);
    this.bell.signal();
  }

  /** Whether the device serves its queues; set before it takes notifications. Any thread. */
  get isBusy(): boolean {
    return load(this.#words, this.#regions.counts.at + BUSY) !== 0;
  }

  /** The device's thread. */
  set isBusy(busy: boolean) {
    store(this.#words, this.#regions.counts.at + BUSY, busy ? 1 : 0);
  }

  get isNotified(): boolean {
    return load(this.#words, this.#regions.notified.at) !== 0 || this.get('resetAsked') !== 0;
  }

  /** Takes the notified queues, a bit each. The device's thread. */
  takeNotified(): number {
    return exchange(this.#words, this.#regions.notified.at, 0);
  }

  count(name: VirtioCount): number {
    return load(this.#words, this.#regions.counts.at + COUNTS.indexOf(name)) >>> 0;
  }

  /** The device's thread. */
  countUp(name: VirtioCount): void {
    const at = this.#regions.counts.at + COUNTS.indexOf(name);
    poke(this.#words, at, (peek(this.#words, at) + 1) | 0);
  }

  /** How often the device has signalled `vector`. */
  signals(vector: number): number {
    return load(this.#words, this.#regions.signals.at + vector) >>> 0;
  }

  /** The device's thread. */
  countSignal(vector: number): void {
    const at = this.#regions.signals.at + vector;
    store(this.#words, at, (peek(this.#words, at) + 1) | 0);
    this.countUp('signals');
  }
}
