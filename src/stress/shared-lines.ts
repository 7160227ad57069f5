import type { Intid } from '../arch/intid.ts';
import type { Interrupts } from '../gic/interrupts.ts';
import { LINE as LINE_BIT } from '../gic/state.ts';
import type { Source } from '../guest/index.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import type { LineTotals } from './stress-result.ts';

// By line. Written by the devices that share the line.
const RAISES = 0;
const REASSERTS = 1;
// Written by the handler; an SPI is active on one vCPU at a time, so by one at a time.
const TAKEN = LINE;
const IDLE = LINE + 1;
const RAISES_SEEN = LINE + 2;
const IN_A_ROW = LINE + 3;
const MOST_IN_A_ROW = LINE + 4;
const MASKS_SEEN = LINE + 5;
// Written by the driver: odd while one of the irqfds is taken away.
const MASKS = 2 * LINE;
const LINE_WORDS = 3 * LINE;

/**
 * How often a vCPU may take a line that no device asserts and that no device raised since the last take: for each device and
 * each vCPU, once for each place where a raise can be on its way.
 * @see proof.ts
 */
const LATE_RAISES = 6;

/** A level-triggered interrupt that devices hold until they are served, and those of the sources that share it. */
export type SharedLine = { readonly intid: Intid; readonly sources: readonly number[] };

/** The lines of a run, in the order of their first source. */
export function linesOf(sources: readonly Source[]): SharedLine[] {
  const lines = new Map<Intid, number[]>();
  for (const [index, { resamplefd, intid }] of sources.entries()) {
    if (resamplefd < 0) continue;
    const sharers = lines.get(intid);
    if (sharers) sharers.push(index);
    else lines.set(intid, [index]);
  }
  return Array.from(lines, ([intid, indices]) => ({ intid, sources: indices }));
}

export function lineRegion(layout: Layout, lines: number): Region {
  return layout.region('lines', lines * LINE_WORDS);
}

/** An account of the lines that devices hold until they are served. A view of shared words. */
export class LineAccount {
  readonly #words: Words;
  readonly #at: number;
  readonly #lines: readonly SharedLine[];
  readonly #vcpus: number;

  constructor(words: Words, region: Region, lines: readonly SharedLine[], vcpus: number) {
    this.#words = words;
    this.#at = region.at;
    this.#lines = lines;
    this.#vcpus = vcpus;
  }

  /** A device is about to raise its line: for a signal, or again because the device is not served yet. */
  raises(line: number, again: boolean): void {
    add(this.#words, this.#of(line) + RAISES, 1);
    if (again) add(this.#words, this.#of(line) + REASSERTS, 1);
  }

  /**
   * An irqfd of the line is about to be taken away, or is back. In between no device may be told of the end of an interrupt,
   * and as in KVM the line stays up for a moment after the end: the line may be taken any number of times. The driver's thread.
   * @see irqfd_resampler_shutdown
   */
  masks(line: number): void {
    this.#count(this.#of(line) + MASKS, 1);
  }

  /**
   * A handler has looked at the devices of a line. False in a storm: vCPUs take the line again and again, and no device
   * raises the line.
   */
  took(line: number, served: boolean): boolean {
    const at = this.#of(line);
    const { sources } = this.#lines[line] ?? { sources: [] };
    this.#count(at + TAKEN, 1);
    const raises = load(this.#words, at + RAISES);
    const masks = load(this.#words, at + MASKS);
    const quiet =
      !served &&
      raises === load(this.#words, at + RAISES_SEEN) &&
      masks === load(this.#words, at + MASKS_SEEN) &&
      (masks & 1) === 0;
    store(this.#words, at + RAISES_SEEN, raises);
    store(this.#words, at + MASKS_SEEN, masks);
    if (!served) this.#count(at + IDLE, 1);
    const inARow = quiet ? load(this.#words, at + IN_A_ROW) + 1 : 0;
    store(this.#words, at + IN_A_ROW, inARow);
    if (inARow > load(this.#words, at + MOST_IN_A_ROW)) store(this.#words, at + MOST_IN_A_ROW, inARow);
    return inARow !== LATE_RAISES * sources.length + this.#vcpus + 1;
  }

  /** Which lines are up while no device asserts them. When everything is at rest. */
  stuck(interrupts: Interrupts, isServed: (source: number) => boolean): SharedLine[] {
    return this.#lines.filter(({ intid, sources }) => {
      const isUp = (interrupts.state(interrupts.find(0, intid)) & LINE_BIT) !== 0;
      return isUp && sources.every(isServed);
    });
  }

  totals(): LineTotals {
    const sum = (field: number) =>
      this.#lines.reduce((all, _, line) => all + (load(this.#words, this.#of(line) + field) >>> 0), 0);
    const most = this.#lines.map((_, line) => load(this.#words, this.#of(line) + MOST_IN_A_ROW));
    return {
      lines: this.#lines.length,
      shared: this.#lines.filter(({ sources }) => sources.length > 1).length,
      raises: sum(RAISES),
      reasserts: sum(REASSERTS),
      taken: sum(TAKEN),
      idle: sum(IDLE),
      mostIdleInARow: Math.max(0, ...most),
    };
  }

  #count(at: number, n: number): void {
    store(this.#words, at, (load(this.#words, at) + n) | 0);
  }

  #of(line: number): number {
    return this.#at + line * LINE_WORDS;
  }
}
