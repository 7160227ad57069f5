import { mix } from '../../base/chance.ts';
import type { Source } from '../control/environment.ts';

/**
 * Every operation and every look at a clock takes this long on the clock that a thread reads, so that loops over time
 * end. Timeouts count without the operations: a thread may take any time for those.
 */
export const TICK_NS = 1000;
/** After so many looks at the clock in one run, each takes twice as long: a loop over a minute ends within some 1,600. */
const LOOKS_A_TICK = 64;
const LONGEST_TICK = 2 ** 40;

/** The clock and the chance of the thread that is running: the same each time that its code is run again. */
export class ThreadTime implements Source {
  /** Which wait is over first matters: times are a part of what threads do. */
  timesMatter = true;
  /** By thread and operation: how far its clock goes on when the operation is answered, for all threads that waited meanwhile, ns. */
  readonly jumps: readonly Map<number, number>[];
  protected current = -1;
  protected pos = 0;
  protected clockNs = 0;
  /** The running thread has looked at a clock, or drawn a number, since its start. */
  #asked = false;
  #looks = 0;
  #chance = 0;
  readonly #seed: number;

  constructor(threads: number, seed: number) {
    this.jumps = Array.from({ length: threads }, () => new Map<number, number>());
    this.#seed = seed;
  }

  /** The thread whose code is running now, -1 for none. */
  get running(): number {
    return this.current;
  }

  /** Operations of the running thread that have been answered. */
  get answered(): number {
    return this.pos;
  }

  /** The thread that ran last has looked at a clock or drawn a number: what it does next may follow from that alone. */
  get hasAsked(): boolean {
    return this.#asked;
  }

  /** Which function of the scenario's ran last that is no thread's. */
  aside = '';

  /** Runs `body`, the function `what` of the scenario, with clock and chance controlled, outside all threads. */
  runAside<T>(what: string, body: () => T): T {
    this.aside = what;
    this.clockNs = 0;
    this.#looks = 0;
    this.#chance = mix(this.#seed, 0x5e7);
    this.current = -2;
    try {
      return body();
    } finally {
      this.current = -1;
    }
  }

  nowNs(): number | undefined {
    if (this.current === -1) return undefined;
    this.#asked = true;
    this.clockNs += TICK_NS * Math.min(2 ** Math.floor(this.#looks++ / LOOKS_A_TICK), LONGEST_TICK);
    return this.clockNs + this.pos * TICK_NS;
  }

  bits(): number | undefined {
    if (this.current === -1) return undefined;
    this.#asked = true;
    this.#chance = (this.#chance + 0x9e3779b9) | 0;
    return mix(this.#chance, 0);
  }

  /** Thread `t`'s code starts anew. */
  protected begin(t: number): void {
    this.pos = 0;
    this.clockNs = 0;
    this.#asked = false;
    this.#looks = 0;
    this.#chance = mix(this.#seed, t);
    this.current = t;
  }

  /**
   * How many of the thread's first `most` operations come before the first one whose answer its clock waits for: up to
   * there, answers are all that the thread gets.
   */
  protected untilJump(t: number, most: number): number {
    let first = most;
    const jumps = this.jumps[t] as ReadonlyMap<number, number>;
    if (jumps.size > 0) for (const pos of jumps.keys()) if (pos < first) first = pos;
    return first;
  }
}
