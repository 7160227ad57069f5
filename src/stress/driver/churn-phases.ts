import type { Chance } from '../../base/chance.ts';
import type { Source } from '../../guest/index.ts';
import type { Clock } from '../../measure/clock.ts';
import type { Proof } from '../proof.ts';
import type { Stillness } from '../stillness.ts';
import { CHURN_COUNTS, type Churn, type ChurnCount } from '../stress-result.ts';

/** Pause between two changes of a light churn, ms. */
const LIGHT_MS = 1;
/** How long a phase of churn lasts at most before all devices keep still, and at least, where a device asks for stillness, ms. */
const PHASE_MS = 150;
const LEAST_MS = 60;
/** Draws in a row that may find no source for the kind of a phase. */
const DRAWS = 32;

/** A driver's thread, as far as its phases need it. */
export type PhasedDriver = {
  readonly stopping: boolean;
  readonly chance: Chance;
  /** The sources under their present names. */
  readonly sources: readonly Source[];
  readonly views: { readonly proof: Proof; readonly still: Stillness };
  nap(ms: number): void;
};

export type ChurnPhases<Kind extends ChurnCount> = {
  readonly kinds: readonly Kind[];
  /** Makes a change of a kind, or in a mixed phase of a kind of its own choice; false where the source does not fit. */
  readonly change: (kind: Kind | 'mixed', which: number, source: Source) => boolean;
  /** A phase in which all devices keep still. */
  readonly keepStill: () => void;
};

/**
 * Runs phases of churn until the run stops: mixed ones, and between two of these one kind after the other, in an order of the seed.
 * After each phase all devices keep still. The driver's thread.
 */
export function runChurnPhases<Kind extends ChurnCount>(
  driver: PhasedDriver,
  clock: Pick<Clock, 'now'>,
  rate: Churn,
  { kinds, change, keepStill }: ChurnPhases<Kind>,
): void {
  if (rate === 'none') return;
  const { chance, views } = driver;
  const { still, proof } = views;

  /** Makes a change of a fitting source; false where no source was found. */
  const changeOne = (kind: Kind | 'mixed') => {
    for (let draw = 0; draw < DRAWS; draw++) {
      const which = chance.below(driver.sources.length);
      const source = driver.sources[which];
      if (source && change(kind, which, source)) return true;
    }
    return false;
  };

  const churn = (kind: Kind | 'mixed') => {
    const start = clock.now();
    proof.churn = kind === 'mixed' ? 0 : CHURN_COUNTS.indexOf(kind) + 1;
    while (!driver.stopping && !still.isWanted && clock.now() < start + PHASE_MS * 1e6) {
      if (!changeOne(kind)) return;
      if (clock.now() > start + LEAST_MS * 1e6) still.ripen();
      if (rate === 'light') driver.nap(LIGHT_MS);
    }
  };

  const keyed = kinds.map((kind) => ({ kind, key: chance.bits() })).sort((a, b) => a.key - b.key);
  for (let phase = 0; !driver.stopping; phase++) {
    churn(phase % 2 === 0 ? 'mixed' : (keyed[(phase >> 1) % keyed.length]?.kind ?? 'mixed'));
    if (!driver.stopping) keepStill();
  }
}
