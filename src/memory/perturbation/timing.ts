import { Chance, mix } from '../../base/chance.ts';
import { CHANGER, type Role, SIGNALLER } from './meeting.ts';

/** How a run delays its threads. `mixed` takes the other three in turn. */
export const PERTURBATIONS = ['off', 'uniform', 'slow-thread', 'windows', 'mixed'] as const;
export type Perturbation = (typeof PERTURBATIONS)[number];

/** One way of delaying. */
type Strategy = Exclude<Perturbation, 'off' | 'mixed'>;
const STRATEGIES: readonly Strategy[] = ['windows', 'uniform', 'windows', 'slow-thread'];

/** How long one strategy, and one slow thread, lasts, ms. */
const TURN_MS = 50;

/** Operations between two delays, on average. */
const UNIFORM_GAP = 1_200;
const SLOW_GAP = 40;
const WINDOW_GAP = 2_500;
/** After this many operations in windows that were chosen often, each window may be chosen once more. */
const PATIENCE = 400;

/** A delay in ns: the thread spins below {@link SLEEP_FROM_NS} and sleeps from there on. */
export const NO_DELAY = 0;
export const SLEEP_FROM_NS = 40_000;
/** From here on a stop is long: long enough for another thread to make a whole change. */
export const LONG_FROM_NS = 300_000;
const LONGEST_NS = 6_000_000;

/**
 * Draws when one thread of a run is delayed, and for how long, from the seed and the thread's number.
 * - uniform: at any operation; mostly a few µs of turning on the spot, sometimes the thread gives its core away.
 * - slow-thread: one thread at a time makes a few dozen operations between two delays, and the others run freely.
 * - windows: long stops, half of them in reader sections, the others in the windows of protocols in which this thread was
 *   stopped least.
 */
export class Timing {
  readonly #perturbation: Perturbation;
  readonly #seed: number;
  readonly #thread: number;
  readonly #threads: number;
  readonly #chance: Chance;
  /** By window: the number of stops of this thread in the window, 255 at most. */
  readonly #stops: Uint8Array;
  #level = 0;
  #refused = 0;
  /** Whether the next stop waits for a reader section, if the thread enters one soon. */
  #wantsSection = false;

  constructor({ perturbation, seed, thread, threads, windows }: TimingOptions) {
    this.#perturbation = perturbation;
    this.#seed = seed;
    this.#thread = thread;
    this.#threads = threads;
    this.#chance = new Chance(seed);
    this.#chance.begin(thread);
    this.#stops = new Uint8Array(windows);
  }

  /** Operations that a thread makes before the first delay. */
  get firstGap(): number {
    return 1 + this.#chance.below(2 * UNIFORM_GAP);
  }

  /**
   * The delay before an operation that ends `window`, ns, or {@link NO_DELAY}. Called when the gap is over.
   * @param nowMs - on a clock that all threads share
   * @param inside - whether the thread is in a reader section
   */
  delayAt(window: number, nowMs: number, inside = false): number {
    const turn = Math.floor(nowMs / TURN_MS);
    const strategy = this.#strategy(turn);
    if (strategy === 'windows') return this.#choose(window, inside);
    if (strategy === 'slow-thread' && !this.#isSlow(turn)) return NO_DELAY;
    return this.#chance.below(4) === 0 ? this.#between(SLEEP_FROM_NS, 250_000) : this.#between(500, 30_000);
  }

  /** Operations until the next call of {@link delayAt}, after an answer of `delay`. */
  gapAfter(delay: number, nowMs: number): number {
    const turn = Math.floor(nowMs / TURN_MS);
    const strategy = this.#strategy(turn);
    if (strategy === 'windows') return delay === NO_DELAY ? 1 : this.#around(WINDOW_GAP);
    return this.#around(strategy === 'slow-thread' && this.#isSlow(turn) ? SLOW_GAP : UNIFORM_GAP);
  }

  /** The role that a long stop asks for: mostly the thread that changes the interrupt in hand. */
  get role(): Role {
    return this.#chance.below(3) === 0 ? SIGNALLER : CHANGER;
  }

  #strategy(turn: number): Strategy {
    const perturbation = this.#perturbation;
    if (perturbation !== 'mixed' && perturbation !== 'off') return perturbation;
    return STRATEGIES[Math.abs(mix(this.#seed, turn)) % STRATEGIES.length] ?? 'uniform';
  }

  #isSlow(turn: number): boolean {
    return Math.abs(mix(~this.#seed, turn)) % this.#threads === this.#thread;
  }

  /**
   * Stops in the windows in which this thread was stopped least; in time, in every window that the thread passes
   * through.
   */
  #choose(window: number, inside: boolean): number {
    if (this.#wantsSection && !inside && ++this.#refused < PATIENCE) return NO_DELAY;
    const wanted = this.#wantsSection && inside;
    const stops = this.#stops[window] ?? 0;
    if (stops > this.#level && !wanted) {
      if (++this.#refused < PATIENCE) return NO_DELAY;
      this.#level = Math.min(this.#level + 1, 254);
    }
    this.#refused = 0;
    this.#stops[window] = Math.min(stops + 1, 255);
    this.#wantsSection = this.#chance.below(2) === 0;
    return this.#between(LONG_FROM_NS, LONGEST_NS);
  }

  /** Draws a duration between two bounds; every order of magnitude is equally likely. */
  #between(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.#chance.unit());
  }

  #around(mean: number): number {
    return 1 + this.#chance.below(2 * mean);
  }
}

export type TimingOptions = {
  readonly perturbation: Perturbation;
  readonly seed: number;
  /** The thread's number among those of the run. */
  readonly thread: number;
  readonly threads: number;
  readonly windows: number;
};
