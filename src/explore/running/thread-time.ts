import { mix } from '../../base/chance.ts';
import type { TimeAndChance } from '../control/environment.ts';

/**
 * The length of every operation, and of every reading of a clock, on the thread's own clock: so loops over time end.
 * Timeouts do not count operations: a thread may take any time for those.
 */
export const TICK_NS = 1000;
/** After this many readings of the clock in one run, the tick doubles: a loop over a minute ends within some 1,600. */
const LOOKS_A_TICK = 64;
const LONGEST_TICK = 2 ** 40;

/** Clock and chance of the running thread: the same in each run of its code. */
export class ThreadTime implements TimeAndChance {
  /** Which wait ends first matters: then times decide how threads go on. */
  timesMatter = true;
  /** By thread and operation: the jump of its clock at the answer, for the time that all threads waited, ns. */
  readonly jumps: readonly Map<number, number>[];
  protected current = -1;
  protected pos = 0;
  protected clockNs = 0;
  /** Whether the running thread has read a clock, or drawn a number, since its start. */
  #asked = false;
  #looks = 0;
  #chance = 0;
  readonly #seed: number;

  constructor(threads: number, seed: number) {
    this.jumps = Array.from({ length: threads }, () => new Map<number, number>());
    this.#seed = seed;
  }

  /** The thread whose code runs now, -1 for none. */
  get running(): number {
    return this.current;
  }

  /** Answered operations of the running thread. */
  get answered(): number {
    return this.pos;
  }

  /** Whether the last thread has read a clock or drawn a number: its next operation may follow from that alone. */
  get hasAsked(): boolean {
    return this.#asked;
  }

  /** The scenario's function, of no thread, that ran last. */
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

  /** Begins a new run of thread `t`'s code. */
  protected begin(t: number): void {
    this.pos = 0;
    this.clockNs = 0;
    this.#asked = false;
    this.#looks = 0;
    this.#chance = mix(this.#seed, t);
    this.current = t;
  }

  /**
   * How many of the thread's first `most` operations precede the first clock jump: before that jump, the
   * thread gets nothing but answers.
   */
  protected untilJump(t: number, most: number): number {
    let first = most;
    const jumps = this.jumps[t] as ReadonlyMap<number, number>;
    if (jumps.size > 0) for (const pos of jumps.keys()) if (pos < first) first = pos;
    return first;
  }
}
