import { IrqError } from '../base/irq-error.ts';
import { type Region, type SizedKind, wordNames } from '../memory/layout.ts';
import { peek, store, type Words } from '../memory/word.ts';

/**
 * The clock that every thread of a machine reads: CLOCK_MONOTONIC, as nanoseconds since the machine's boot.
 *
 * All threads of a process read the same kernel clock, so readings of two threads compare directly, without an offset
 * to calibrate. `offsetPing` in ping-pong.ts bounds the error between two threads: -91 to +49 ns on a 2-core x86-64
 * host, as narrow as the fastest round trip allows.
 *
 * A reading is `process.hrtime.bigint()` stored into a typed array and read back as two words. Stored like that, V8
 * never makes the BigInt: no allocation on Node 20, 22 and 24, and 28 ns a reading. The same call inside `Number(…)`
 * allocates one each time. `process.hrtime()` allocates its array or not, depending on how the caller takes it apart
 * and on the version. `performance.now()` boxes a number, and counts from each thread's own start. bench/measure.ts
 * measures all of them.
 *
 * The ns since the host's boot exceed a double's integers after 104 days. So the clock counts from the machine's boot,
 * and subtracts half by half, without rounding.
 */

/** Words of a clock in the shared buffer: the time of boot, low half first. */
export const CLOCK_WORDS = 2;

/** The clock of a machine. After a restore, {@link resumeClock} continues from the saved time. */
export const CLOCK: SizedKind = {
  name: 'clock',
  words: CLOCK_WORDS,
  wordName: wordNames(['bootLow', 'bootHigh']),
};

const HALF = 2 ** 32;

/** Not the function `bigint` itself: the explorer replaces that property while it runs. `process` is a slow getter. */
const { hrtime } = process;
/** Makes this moment the machine's boot. Called once, before another thread makes a {@link Clock}. */
export function startClock(words: Words, region: Region): void {
  resumeClock(words, region, 0);
}

/** As {@link startClock}, with the boot `ageNs` ago: for a machine that was saved at that age. */
export function resumeClock(words: Words, region: Region, ageNs: number): void {
  const boot = hrtime.bigint() - BigInt(Math.floor(ageNs));
  store(words, region.at, Number(BigInt.asIntN(32, boot)));
  store(words, region.at + 1, Number(BigInt.asIntN(32, boot >> 32n)));
}

/** A thread's view of the clock. Any thread may make any number of them. */
export class Clock {
  readonly #bootLow: number;
  readonly #bootHigh: number;
  /** The last reading, and its two halves, low first: every platform with a JIT of Node is little-endian. */
  readonly #reading = new BigInt64Array(1);
  readonly #halves = new Uint32Array(this.#reading.buffer);

  /** @throws IrqError `ERR_LAYOUT` if {@link startClock} has not run on these words. */
  constructor(words: Words, region: Region) {
    // Plain reads: the boot precedes every thread, and making a view is no operation on shared memory.
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
   * Nanoseconds since the machine's boot: a whole number, exact for 104 days. Never goes back, within one thread or
   * from one thread to another that synchronised with it. Any thread.
   */
  now(): number {
    this.#reading[0] = hrtime.bigint();
    return ((this.#halves[1] ?? 0) - this.#bootHigh) * HALF + ((this.#halves[0] ?? 0) - this.#bootLow);
  }
}

/** The cost of a reading, and the smallest step of the clock. */
export type ClockFigures = { readonly costNs: number; readonly resolutionNs: number };

const BATCH = 1_000;

/**
 * Measures the clock, in about 5 ms. `costNs` is the mean cost of a reading in the fastest batch, so a batch in which
 * the thread was preempted does not count. `resolutionNs` is the smallest step between two readings: the step of a
 * coarse clock, or about the cost of one reading of a fine clock.
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
