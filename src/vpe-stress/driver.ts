import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { connectionsOf, type Source } from '../guest/index.ts';
import { CHURN_COUNTS, type ChurnCount, DriverContext, driverParts, StillPhases } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';
import { VpeChanges } from './changes.ts';
import type { VpePlan } from './plan.ts';

/** Pause between two changes of a light churn, ms. */
const LIGHT_MS = 1;
/** How long a phase of churn lasts at most before everything keeps still; at least, where a device asks for stillness. */
const PHASE_MS = 150;
const LEAST_MS = 60;
/** Draws in a row that may find no source for the kind of a phase. */
const DRAWS = 32;

/** The driver's kinds of churn. In a mixed phase there are those that make no source pending, so none hides another's loss. */
const MIXED = [
  'moves',
  'collections',
  'configs',
  'toggles',
  'masks',
  'routeUpdates',
  'remaps',
] as const satisfies readonly ChurnCount[];
const KINDS = [...MIXED, 'swaps', 'switches', 'raises'] as const satisfies readonly ChurnCount[];
type Kind = (typeof KINDS)[number];

/** The driver's thread: phases of churn, of one kind each or mixed, alternate with phases in which all devices keep still. */
export function vpeDriver(machine: Machine, plan: VpePlan): { run(): undefined } {
  const parts = driverParts(machine, plan);
  const context = new DriverContext(machine, plan, parts);
  const changes = new VpeChanges(context, plan, parts);
  const phases = new StillPhases(context, undefined, undefined, (source) => {
    const { proof } = context.views;
    return machine.gic.vpes?.at(proof.vcpuOf(source))?.isPending(proof.intidOf(source)) ?? false;
  });
  const { chance } = context;
  const events = plan.sources.filter(({ kind }) => kind === 'msi');
  parts.userland.connectAll(connectionsOf(events, machine.config));
  for (let pe: VcpuId = 0; pe < plan.vcpus; pe++) parts.gic.enableSgis(pe);

  const change: Readonly<Record<Kind, (which: number, source: Source) => boolean>> = {
    moves: (which, source) => changes.move(which, source),
    collections: () => changes.moveVpe(),
    configs: (which, source) => changes.configure(which, source),
    toggles: (which, source) => changes.toggle(which, source),
    masks: (which, source) => changes.mask(which, source),
    routeUpdates: (which, source) => changes.reroute(which, source),
    remaps: (which, source) => changes.remap(which, source, false),
    swaps: (which, source) => changes.remap(which, source, true),
    switches: () => changes.remapVpe(),
    raises: (which, source) => changes.raise(which, source),
  };

  /** Makes a change of a fitting source; false where no source was found. */
  const changeOne = (kind: Kind | 'mixed') => {
    for (let draw = 0; draw < DRAWS; draw++) {
      const which = chance.below(context.sources.length);
      const source = context.sources[which];
      const name = kind === 'mixed' ? (MIXED[chance.below(MIXED.length)] ?? 'moves') : kind;
      if (source && change[name](which, source)) return true;
    }
    return false;
  };

  const churn = (kind: Kind | 'mixed') => {
    const { clock } = machine;
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
      if (plan.churn === 'none') return undefined;
      const kinds = KINDS.map((kind) => ({ kind, key: chance.bits() })).sort((a, b) => a.key - b.key);
      for (let phase = 0; !context.stopping; phase++) {
        churn(phase % 2 === 0 ? 'mixed' : (kinds[(phase >> 1) % kinds.length]?.kind ?? 'mixed'));
        if (!context.stopping) phases.run();
      }
      return undefined;
    },
  };
}

export const vpeDriverProgram = threadProgram(import.meta.url, vpeDriver);
