import { IrqError } from '../base/irq-error.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../memory/event-count.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Clock } from './clock.ts';
import { readStamp, STAMP_WORDS, writeStamp } from './stamp.ts';

/** Words of a probe in the shared buffer, zeroed. */
export const LATENCY_PROBE_WORDS = LINE + EVENT_COUNT_WORDS;

const ARRIVALS = STAMP_WORDS;
const LOOKS = 10_000;
const PATIENCE_MS = 10_000;

/**
 * Measures the one-way latency from one thread to another. The first thread acts and waits; the second calls
 * {@link LatencyProbe.arrived} when the effect reaches it.
 */
export class LatencyProbe {
  readonly #words: Words;
  readonly #at: number;
  readonly #bell: EventCount;
  readonly #clock: Clock;

  /**
   * Binds a region of {@link LATENCY_PROBE_WORDS} words. Both threads use the same words, and clocks of the same start.
   */
  constructor(words: Words, region: Region, clock: Clock) {
    this.#words = words;
    this.#at = region.at;
    this.#bell = new EventCount(words, { at: region.at + LINE, words: EVENT_COUNT_WORDS });
    this.#clock = clock;
  }

  /** Records the arrival. Called by the second thread, once for each {@link measure}. */
  arrived(): void {
    writeStamp(this.#words, this.#at, this.#clock.now());
    store(this.#words, this.#at + ARRIVALS, (load(this.#words, this.#at + ARRIVALS) + 1) | 0);
    this.#bell.signal();
  }

  /**
   * Calls `act`, waits for its arrival at the other thread, and returns the latency: ns from just before `act` to the
   * clock reading in {@link arrived}. Blocks the thread; on the main thread, only for effects that need no event loop.
   * @throws IrqError `ERR_THREAD_SILENT` after `patienceMs`
   */
  measure(act: () => void, patienceMs = PATIENCE_MS): number {
    const at = this.#at + ARRIVALS;
    const before = load(this.#words, at);
    const start = this.#clock.now();
    act();
    for (let look = 0; look < LOOKS; look++) if (load(this.#words, at) !== before) return this.#since(start);
    while (load(this.#words, at) === before) {
      const ticket = this.#bell.announce();
      if (load(this.#words, at) !== before) this.#bell.withdraw();
      else if (!this.#bell.park(ticket, patienceMs) && load(this.#words, at) === before) {
        throw new IrqError(
          'ERR_THREAD_SILENT',
          `nothing arrived at the other thread within ${patienceMs} ms`,
        );
      }
    }
    return this.#since(start);
  }

  #since(start: number): number {
    return readStamp(this.#words, this.#at) - start;
  }
}

/**
 * A task for tinybench that reports the latency to the other thread, instead of the length of the call: `bench.add('my
 * wake-up', latencyTask(probe, () => ring()))`.
 */
export function latencyTask(probe: LatencyProbe, act: () => void): () => { overriddenDuration: number } {
  return () => ({ overriddenDuration: probe.measure(act) / 1e6 });
}
