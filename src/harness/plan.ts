import type { Machine } from '../board/machine.ts';
import { Layout } from '../memory/layout.ts';
import { load, store } from '../memory/word.ts';
import { type Plan, stressViews, stressWords } from '../stress/index.ts';
import { Places, placesRegion } from '../threads/user/places.ts';

/** The task that every thread of a booted machine shares: the load generator's, whose proof counts here too. Plain data. */
export type HarnessPlan = Plan;

/** The task of each thread of a booted machine beside the machine. */
export type ThreadTask = {
  readonly plan: HarnessPlan;
  /** URL of the user's module. */
  readonly module: string;
  readonly shared: SharedArrayBuffer | undefined;
  /** How long a device waits for a delivery, ms. */
  readonly boundMs: number;
  /** Whether a stress run changes the machine meanwhile: events have other LPIs then than at boot, and devices are to keep still now and then. */
  readonly isStressed: boolean;
};

type Sizes = Parameters<typeof stressWords>[0];

/** Words of the scenario's region that a booted machine needs. @param idLimit - one past the last INTID */
export function harnessWords(sizes: Sizes, idLimit: number): number {
  const layout = new Layout(stressWords(sizes, idLimit));
  placesRegion(layout, sizes.vcpus);
  return layout.words;
}

/** The views of a booted machine: those of the load generator, and where each vCPU's guest is. */
export function harnessViews(machine: Machine, plan: HarnessPlan) {
  const { proof, pairs, stopAt, still } = stressViews(machine, plan);
  const start = machine.scenario.at + stressWords(plan, machine.gic.interrupts.idLimit);
  const places = new Places(machine.words, placesRegion(new Layout(start), plan.vcpus));
  return {
    proof,
    pairs,
    still,
    places,
    /** Whether the devices are to come to an end. */
    get stopping() {
      return load(machine.words, stopAt) !== 0;
    },
    stop() {
      store(machine.words, stopAt, 1);
    },
  };
}

export type HarnessViews = ReturnType<typeof harnessViews>;
