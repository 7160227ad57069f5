import type { ApicBoard } from '../board/apic-board.ts';
import type { Source } from '../guest/index.ts';
import { CHURN_COUNTS, type ChurnCount, type Plan } from '../stress/index.ts';
import { ApicChanges } from './changes.ts';
import { ApicContext } from './context.ts';
import { ApicStillPhases } from './still.ts';

/** Pause between two changes of a light churn, ms. */
const LIGHT_MS = 1;
/** How long a phase of churn lasts at most before everything keeps still; at least, where a device asks for stillness. */
const PHASE_MS = 150;
const LEAST_MS = 60;
/** Draws in a row that may find no source for the kind of a phase. */
const DRAWS = 32;

/** The driver's kinds of churn on x86; `priorities` are the vCPUs' own. */
const KINDS = [
  'moves',
  'routeUpdates',
  'masks',
  'remaps',
  'toggles',
  'swaps',
  'raises',
] as const satisfies readonly ChurnCount[];
type Kind = (typeof KINDS)[number];

/**
 * The driver's thread of a stress run on x86, as on arm64: phases of churn, of one kind each or mixed, alternate with phases
 * in which all devices keep still. In a mixed phase the driver itself makes no source pending, so no change hides another
 * change's loss. The thread is the VMM's only one: every source is connected when the driver is ready.
 */
export function apicDriver(board: ApicBoard, plan: Plan): { run(): void } {
  const context = new ApicContext(board, plan);
  const changes = new ApicChanges(context);
  const phases = new ApicStillPhases(context);
  const { chance } = context;
  context.connect();

  const change: Readonly<Record<Kind, (which: number, source: Source) => boolean>> = {
    moves: (which, source) => changes.move(which, source),
    routeUpdates: () => changes.reroute(),
    masks: (which, source) => changes.mask(which, source),
    remaps: (which, source) => changes.remap(which, source),
    toggles: (which, source) => changes.toggle(which, source),
    swaps: (which, source) => changes.flip(which, source),
    raises: (which, source) => changes.raise(which, source),
  };

  /** Makes a change of a fitting source; false where no source was found. */
  const changeOne = (kind: Kind | 'mixed') => {
    for (let draw = 0; draw < DRAWS; draw++) {
      const which = chance.below(context.sources.length);
      const source = context.sources[which];
      const name = kind === 'mixed' ? (KINDS[chance.below(KINDS.length - 1)] ?? 'moves') : kind;
      // An edge that comes to a masked pin is lost, and made pending anew: not in a mixed phase.
      if (!source || (kind === 'mixed' && source.kind === 'edge' && name !== 'moves' && name !== 'masks'))
        continue;
      if (change[name](which, source)) return true;
    }
    return false;
  };

  const churn = (kind: Kind | 'mixed') => {
    const { clock } = board;
    const { still, proof } = context.views;
    const start = clock.now();
    proof.churn = kind === 'mixed' ? 0 : CHURN_COUNTS.indexOf(kind) + 1;
    while (!context.stopping && !still.isWanted && clock.now() < start + PHASE_MS * 1e6) {
      if (!changeOne(kind)) return;
      if (clock.now() > start + LEAST_MS * 1e6) still.ripen();
      if (plan.churn === 'light') context.nap(LIGHT_MS);
    }
  };

  return {
    run() {
      if (plan.churn === 'none') return;
      const kinds = KINDS.map((kind) => ({ kind, key: chance.bits() })).sort((a, b) => a.key - b.key);
      for (let phase = 0; !context.stopping; phase++) {
        churn(phase % 2 === 0 ? 'mixed' : (kinds[(phase >> 1) % kinds.length]?.kind ?? 'mixed'));
        if (!context.stopping) phases.run();
      }
    },
  };
}
