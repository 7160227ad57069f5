import { IrqError } from '../base/irq-error.ts';
import { type Region, type SizedKind, wordNames } from '../memory/layout.ts';
import { peek, store, type Words } from '../memory/word.ts';

/**
 * The clock that every thread of a machine reads: CLOCK_MONOTONIC, as nanoseconds since the machine's boot.
 *
 * All threads of a process read the same kernel clock, so readings of two threads compare directly; there is no offset
 * to calibrate. `offsetPing` in ping-pong.ts bounds the error between two threads: -91 to +49 ns on a 2-core
 * x86-64 host, as narrow as the fastest round trip allows.
 *
 * It is `process.hrtime.bigint()` stored into a typed array and read back as two words. Stored like that, V8 never makes
 * the BigInt: no allocation on Node 20, 22 and 24, and 28 ns a read. The same call with `Number(…)` around it makes one
 * each time; the array of `process.hrtime()` is left out or made depending on how it is taken apart and on the version;
 * `performance.now()` boxes a number, and counts from each thread's own start. bench/measure.ts shows them all.
 *
 * The ns since the host's boot do not fit a double after 104 days. So they are taken from the machine's boot, and the
 * subtraction is done half by half, where nothing is rounded.
 */

/** Words that a clock needs in the shared buffer: the time of boot, low half first. */
export const CLOCK_WORDS = 2;

/** The clock of a machine: when a machine is restored, {@link resumeClock} makes it go on from where it was. */
export const CLOCK: SizedKind = {
  name: 'clock',
  words: CLOCK_WORDS,
  wordName: wordNames(['bootLow', 'bootHigh']),
};

const HALF = 2 ** 32;

/** Not the function `bigint` itself: the explorer replaces that property while it runs. `process` is a getter, and slow. */
const { hrtime } = process;
/** Makes this moment the machine's boot. Once, before another thread makes a {@link Clock}. */
export function startClock(words: Words, region: Region): void {
  resumeClock(words, region, 0);
}

/** As {@link startClock}, but as if the boot had been `ageNs` ago: for a machine that was saved at that age. */
export function resumeClock(words: Words, region: Region, ageNs: number): void {
  const boot = hrtime.bigint() - BigInt(Math.floor(ageNs));
  store(words, region.at, Number(BigInt.asIntN(32, boot)));
  store(words, region.at + 1, Number(BigInt.asIntN(32, boot >> 32n)));
}

/** What a thread reads the time with. A view: make as many as you like, in any thread. */
export class Clock {
  readonly #bootLow: number;
  readonly #bootHigh: number;
  /** The last reading, and its two halves, low first: every platform of Node with a JIT is little-endian. */
  readonly #reading = new BigInt64Array(1);
  readonly #halves = new Uint32Array(this.#reading.buffer);

  /** @throws IrqError `ERR_LAYOUT` where {@link startClock} has not run on these words. */
  constructor(words: Words, region: Region) {
    // Plain reads: the boot lies before every thread, and making a view is no operation on shared memory.
    this.#bootLow = peek(words, region.at) >>> 0;
    this.#bootHigh = peek(words, region.at + 1);
    if (this.#bootLow === 0 && this.#bootHigh === 0) {
      throw new IrqError(
        'ERR_LAYOUT',
        `the clock in word ${region.at} was never started: call startClock first`,
      );
    }
  }

  /**
   * Nanoseconds since the machine's boot: a whole number, exact for 104 days. It never goes back, neither in one thread
   * nor from one to another that was told about it. Any thread.
   */
  now(): number {
    this.#reading[0] = hrtime.bigint();
    return ((this.#halves[1] ?? 0) - this.#bootHigh) * HALF + ((this.#halves[0] ?? 0) - this.#bootLow);
  }
}

/** What reading the clock costs, and the finest difference that it shows. */
export type ClockFigures = { readonly costNs: number; readonly resolutionNs: number };

const BATCH = 1_000;

/**
 * Measures the clock, in about 5 ms. `costNs` is the mean cost of a read in the fastest of the batches, so that a batch
 * in which the thread was preempted does not count. `resolutionNs` is the smallest step seen between two reads:
 * the step of the clock itself where that is coarse, and about the cost of one read where it is fine.
 */
export function calibrateClock(clock: Clock, batches = 100): ClockFigures {
  let costNs = Number.POSITIVE_INFINITY;
  let resolutionNs = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < batches; batch++) {
    const start = clock.now();
    let last = start;
    for (let i = 0; i < BATCH; i++) {
      const now = clock.now();
      const step = now - last;
      if (step > 0 && step < resolutionNs) resolutionNs = step;
      last = now;
    }
    costNs = Math.min(costNs, (last - start) / BATCH);
  }
  return { costNs, resolutionNs };
}
