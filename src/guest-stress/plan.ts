import type { Machine } from '../board/machine.ts';
import { Layout, type Region } from '../memory/layout.ts';
import { type Plan, stressWords } from '../stress/index.ts';

/** Bits of an INTID of this board. */
const ID_LIMIT = 2 ** 16;

/** Words that the guest's driver and the host share through the proof's frame. */
export type DriverRegions = {
  /** 1 after the guest has set up its sources; 0 again after its driver has finished. */
  readonly ready: Region;
  /** Guest-physical address of the guest's counts; 0 until the guest has reported it. */
  readonly counts: Region;
  /** By vCPU: the number in its select register. */
  readonly selected: Region;
  /** By source: its current EventID. */
  readonly events: Region;
  readonly lock: Region;
};

function driverRegions(layout: Layout, { vcpus, sources }: Pick<Plan, 'vcpus' | 'sources'>): DriverRegions {
  return {
    ready: layout.region('proof.ready', 1),
    counts: layout.region('proof.counts', 2),
    selected: layout.region('proof.selected', vcpus),
    events: layout.region('proof.events', sources.length),
    lock: layout.region('proof.routes', 1),
  };
}

/** Words of a stress run with a guest, before the board's own. */
export function guestStressWords(plan: Plan): number {
  const layout = new Layout(stressWords(plan, ID_LIMIT));
  driverRegions(layout, plan);
  return layout.words;
}

export function driverRegionsOf(machine: Machine, plan: Plan): DriverRegions {
  return driverRegions(new Layout(machine.scenario.at + stressWords(plan, ID_LIMIT)), plan);
}
