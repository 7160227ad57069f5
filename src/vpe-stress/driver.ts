import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { connectionsOf, type Source } from '../guest/index.ts';
import { type ChurnCount, DriverContext, driverParts, runChurnPhases, StillPhases } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';
import { VpeChanges } from './changes.ts';
import type { VpePlan } from './plan.ts';

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

  const mixed = () => MIXED[chance.below(MIXED.length)] ?? 'moves';
  return {
    run() {
      runChurnPhases<Kind>(context, machine.clock, plan.churn, {
        kinds: KINDS,
        change: (kind, which, source) => change[kind === 'mixed' ? mixed() : kind](which, source),
        keepStill: () => phases.run(),
      });
      return undefined;
    },
  };
}

export const vpeDriverProgram = threadProgram(import.meta.url, vpeDriver);
