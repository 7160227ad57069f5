import type { VcpuId } from '../arch/intid.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { add, load, replace, store, type Words } from '../memory/word.ts';

// A line for each vPE. SCHEDULE has the flags; the counts are of the vPE's life.
const SCHEDULE = 0;
const SLEEPS = 1;
const DOORBELLS = 2;
const RESIDENCIES = 3;
const PENDING_LASTS = 4;
const AT = 5;
const MOVED = 6;
const BEFORE = 7;

/** Flags of SCHEDULE: to be run; a PE runs the vPE; the driver wants the vPE for itself. */
const RUNNABLE = 1;
const RUNNING = 2;
const WANTED = 4;

/** What became of all residencies of a run, in sum. */
export type HostFigures = {
  /** Times that a vPE was made resident, and left to sleep until its doorbell rings. */
  readonly residencies: number;
  readonly sleeps: number;
  readonly doorbells: number;
  /** Times that a vPE was to sleep, and PendingLast said that an interrupt was pending. */
  readonly pendingLasts: number;
};

/**
 * A host's scheduler of vPEs, in shared words: each PE may run each vPE. A thread that makes a vPE runnable, or stops running a vPE, looks
 * for runnable vPEs afterwards; so no vPE stays runnable without a thread that knows.
 * A doorbell belongs to one sleep: a vPE that has left its PE with Doorbell = 1 and without PendingLast. A doorbell beyond is spurious.
 */
export class VpeHost {
  readonly #words: Words;
  readonly #at: number;
  readonly count: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
    this.count = region.words / LINE;
  }

  static region(layout: Layout, vpes: number): Region {
    return layout.region('vpeHost', vpes * LINE);
  }

  /** Makes every vPE runnable. Before any thread runs. */
  init(): void {
    for (let vpe = 0; vpe < this.count; vpe++) store(this.#words, this.#word(vpe, SCHEDULE), RUNNABLE);
  }

  /** Takes a runnable vPE to run, from `first` on; -1 for none. A PE's thread. */
  claim(first: number): number {
    for (let each = 0; each < this.count; each++) {
      const vpe = (first + each) % this.count;
      if (replace(this.#words, this.#word(vpe, SCHEDULE), RUNNABLE, RUNNING)) return vpe;
    }
    return -1;
  }

  /** Ends the run of a claimed vPE. @param again - the vPE is to be run again without a doorbell */
  release(vpe: number, again: boolean): void {
    this.#change(vpe, RUNNING, again ? RUNNABLE : 0);
  }

  /** Makes a vPE runnable: its doorbell has rung, or the driver has changed the vPE. Any thread, which looks for it or wakes one that looks. */
  wake(vpe: number): void {
    this.#change(vpe, 0, RUNNABLE);
  }

  get isAnyRunnable(): boolean {
    for (let vpe = 0; vpe < this.count; vpe++)
      if (load(this.#words, this.#word(vpe, SCHEDULE)) === RUNNABLE) return true;
    return false;
  }

  isRunning(vpe: number): boolean {
    return (load(this.#words, this.#word(vpe, SCHEDULE)) & RUNNING) !== 0;
  }

  isWanted(vpe: number): boolean {
    return (load(this.#words, this.#word(vpe, SCHEDULE)) & WANTED) !== 0;
  }

  /** The driver's: while a vPE is wanted, no PE claims the vPE, and a PE that runs the vPE leaves soon. */
  want(vpe: number, wanted: boolean): void {
    this.#change(vpe, wanted ? 0 : WANTED, wanted ? WANTED : 0);
  }

  /** Notes that a PE has made the vPE resident. */
  entered(vpe: number, pe: VcpuId): void {
    store(this.#words, this.#word(vpe, AT), pe);
    this.#count(vpe, RESIDENCIES, 1);
  }

  /** Notes that the vPE is about to sleep; and afterwards, that PendingLast kept the vPE awake. */
  falls(vpe: number): void {
    this.#count(vpe, SLEEPS, 1);
  }

  stays(vpe: number): void {
    this.#count(vpe, SLEEPS, -1);
    this.#count(vpe, PENDING_LASTS, 1);
  }

  /** Notes a doorbell; false for one that no sleep has asked for. */
  rang(vpe: number): boolean {
    return this.#count(vpe, DOORBELLS, 1) + 1 <= load(this.#words, this.#word(vpe, SLEEPS));
  }

  /** Notes where the doorbell is about to be sent by VMOVP or VMAPP. The driver's thread. */
  moves(vpe: number, pe: VcpuId): void {
    store(this.#words, this.#word(vpe, BEFORE), load(this.#words, this.#word(vpe, MOVED)));
    store(this.#words, this.#word(vpe, MOVED), pe);
  }

  /** Notes that no handler runs any more for a doorbell that rang where the vPE was before {@link moves}. */
  moved(vpe: number): void {
    store(this.#words, this.#word(vpe, BEFORE), load(this.#words, this.#word(vpe, MOVED)));
  }

  /** Whether the doorbell of a vPE may ring at that PE: the PE of its last residency, or of a move. */
  mayRingAt(vpe: number, pe: VcpuId): boolean {
    return [AT, MOVED, BEFORE].some((field) => load(this.#words, this.#word(vpe, field)) === pe);
  }

  /** The vPE has ended with its doorbell, and no handler of the doorbell runs any more: no sleep waits for one. */
  settle(vpe: number): void {
    store(this.#words, this.#word(vpe, DOORBELLS), load(this.#words, this.#word(vpe, SLEEPS)));
  }

  get figures(): HostFigures {
    const sum = (field: number) => {
      let total = 0;
      for (let vpe = 0; vpe < this.count; vpe++) total += load(this.#words, this.#word(vpe, field)) >>> 0;
      return total;
    };
    return {
      residencies: sum(RESIDENCIES),
      sleeps: sum(SLEEPS),
      doorbells: sum(DOORBELLS),
      pendingLasts: sum(PENDING_LASTS),
    };
  }

  #change(vpe: number, clear: number, set: number): void {
    const at = this.#word(vpe, SCHEDULE);
    for (;;) {
      const before = load(this.#words, at);
      if (replace(this.#words, at, before, (before & ~clear) | set)) return;
    }
  }

  #count(vpe: number, field: number, by: number): number {
    return add(this.#words, this.#word(vpe, field), by);
  }

  #word(vpe: number, field: number): number {
    return this.#at + vpe * LINE + field;
  }
}
