import type { ApicBoard } from '../board/apic-board.ts';
import type { Source } from '../guest/index.ts';
import { type ChurnCount, type Plan, runChurnPhases } from '../stress/index.ts';
import { ApicChanges } from './changes.ts';
import { ApicContext } from './context.ts';
import { ApicStillPhases } from './still.ts';

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

  const changeMixed = (which: number, source: Source) => {
    const name = KINDS[chance.below(KINDS.length - 1)] ?? 'moves';
    // An edge that comes to a masked pin is lost, and made pending anew: not in a mixed phase.
    const fits = source.kind !== 'edge' || name === 'moves' || name === 'masks';
    return fits && change[name](which, source);
  };

  return {
    run() {
      runChurnPhases<Kind>(context, board.clock, plan.churn, {
        kinds: KINDS,
        change: (kind, which, source) =>
          kind === 'mixed' ? changeMixed(which, source) : change[kind](which, source),
        keepStill: () => phases.run(),
      });
    },
  };
}
