import { IrqError } from '../base/irq-error.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../memory/event-count.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Clock } from './clock.ts';
import { readStamp, STAMP_WORDS, writeStamp } from './stamp.ts';

/** Words that a probe needs in the shared buffer, zeroed. */
export const LATENCY_PROBE_WORDS = LINE + EVENT_COUNT_WORDS;

const ARRIVALS = STAMP_WORDS;
const LOOKS = 10_000;
const PATIENCE_MS = 10_000;

/**
 * How long something takes from one thread to another, as the other sees it: not the round trip. One thread does
 * something and asks; the other calls {@link LatencyProbe.arrived} where it has come to be.
 */
export class LatencyProbe {
  readonly #words: Words;
  readonly #at: number;
  readonly #bell: EventCount;
  readonly #clock: Clock;

  /** Binds a region of {@link LATENCY_PROBE_WORDS} words. Both threads, over the same words, with clocks of the same start. */
  constructor(words: Words, region: Region, clock: Clock) {
    this.#words = words;
    this.#at = region.at;
    this.#bell = new EventCount(words, { at: region.at + LINE, words: EVENT_COUNT_WORDS });
    this.#clock = clock;
  }

  /** It is here. The thread that is measured; once for each {@link measure}. */
  arrived(): void {
    writeStamp(this.#words, this.#at, this.#clock.now());
    store(this.#words, this.#at + ARRIVALS, (load(this.#words, this.#at + ARRIVALS) + 1) | 0);
    this.#bell.signal();
  }

  /**
   * Does something, waits until it has arrived at the other thread, and says how long that took: ns from just before
   * `act` to the clock reading in {@link arrived}. Blocks the thread; on the main one only for things that do not need
   * its event loop.
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
 * A task for tinybench that reports the latency that the other thread sees, instead of how long the call lasts here:
 * `bench.add('my wake-up', latencyTask(probe, () => ring()))`.
 */
export function latencyTask(probe: LatencyProbe, act: () => void): () => { overriddenDuration: number } {
  return () => ({ overriddenDuration: probe.measure(act) / 1e6 });
}
