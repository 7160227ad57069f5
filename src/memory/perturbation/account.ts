import { countBits } from '../bits.ts';
import { type Layout, LINE, type Region } from '../layout.ts';
import { load, type Words } from '../word.ts';
import { meetingRegion } from './meeting.ts';
import { WINDOWS } from './windows.ts';

/** Pairs of an interrupt's flags before and after a change, 8 bits each. */
export const TRANSITIONS = 1 << 16;

// Words of a thread's line.
export const DELAYS = 0;
export const DELAYED_US = 1;

/** Where the threads of a run count their delays and record their windows. Zero words where nothing is perturbed. */
export type PerturbationRegions = {
  /** A line for each thread. */
  readonly threads: Region;
  /** Where a thread announces a long stop. */
  readonly meeting: Region;
  /** A bit for each window: some thread passed through; some thread was stopped inside. */
  readonly met: Region;
  readonly stopped: Region;
  /** A bit for each change of an interrupt's flags. */
  readonly transitions: Region;
};

export function perturbationRegions(layout: Layout, threads: number, isOn: boolean): PerturbationRegions {
  const words = (count: number) => (isOn ? count : 0);
  return {
    ...layout.group('perturbation', {
      threads: words(threads * LINE),
      met: words(WINDOWS / 32),
      stopped: words(WINDOWS / 32),
      transitions: words(TRANSITIONS / 32),
    }),
    meeting: meetingRegion(layout, isOn),
  };
}

/** The delays of a run in figures. */
export type PerturbationFigures = {
  readonly delays: number;
  /** Sum over all threads. */
  readonly delayedSeconds: number;
  /** Windows that threads passed through, and windows that threads were stopped in. */
  readonly windowsMet: number;
  readonly windowsStopped: number;
};

export function perturbationFigures(words: Words, regions: PerturbationRegions): PerturbationFigures {
  const { threads } = regions;
  let delays = 0;
  let delayedUs = 0;
  for (let line = threads.at; line < threads.at + threads.words; line += LINE) {
    delays += load(words, line + DELAYS) >>> 0;
    delayedUs += load(words, line + DELAYED_US) >>> 0;
  }
  return {
    delays,
    delayedSeconds: delayedUs / 1e6,
    windowsMet: bitsOf(words, regions.met),
    windowsStopped: bitsOf(words, regions.stopped),
  };
}

/** Lists the numbers of the set bits of a region. */
export function setBitsOf(words: Words, { at, words: count }: Region): number[] {
  const found: number[] = [];
  for (let index = 0; index < count; index++) {
    const word = load(words, at + index);
    for (let bit = 0; word !== 0 && bit < 32; bit++)
      if ((word & (1 << bit)) !== 0) found.push(32 * index + bit);
  }
  return found;
}

function bitsOf(words: Words, { at, words: count }: Region): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += countBits(load(words, at + index));
  return sum;
}
