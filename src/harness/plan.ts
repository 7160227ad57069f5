import type { Intid, VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { Layout, LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import { type Plan, stressViews, stressWords } from '../stress/index.ts';

/** The task that every thread of a booted machine shares: the load generator's, whose proof counts here too. Plain data. */
export type HarnessPlan = Plan;

/** What each thread of a booted machine is given beside the machine. */
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

const placesRegion = (layout: Layout, vcpus: number) => layout.region('vcpu.place', placesWords(vcpus));

/** Words that a booted machine needs behind those of the load generator. */
export function placesWords(vcpus: number): number {
  return vcpus * LINE;
}

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

/** Offsets, from the word that says in which call the vCPU is. */
const STOPPED = 1;
const SOURCE = 2;
const OUTSIDE = 0;
const IN_START = -1;

/** Which function of its guest each vCPU is in. A line a vCPU, which its thread writes; any thread reads. */
export class Places {
  readonly #words: Words;
  readonly #region: Region;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#region = region;
  }

  enterStart(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu), IN_START);
  }

  /** @param source - the event whose signal led to the interrupt; -1 where none did */
  enter(vcpu: VcpuId, intid: Intid, source: number): void {
    store(this.#words, this.#at(vcpu) + SOURCE, source + 1);
    store(this.#words, this.#at(vcpu), intid + 1);
  }

  leave(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu), OUTSIDE);
  }

  /** The call that a vCPU's guest is in, for messages: `interrupt(cpu, 8192)`; undefined while it is in none. */
  callOf(vcpu: VcpuId): string | undefined {
    const inside = load(this.#words, this.#at(vcpu));
    if (inside === OUTSIDE) return undefined;
    return inside === IN_START ? 'start(cpu)' : `interrupt(cpu, ${inside - 1})`;
  }

  /** The calls that guests are in, for messages: `vcpu1 in interrupt(cpu, 8192)`. */
  get calls(): string[] {
    const vcpus = Array.from({ length: this.#region.words / LINE }, (_, vcpu) => vcpu);
    return vcpus.flatMap((vcpu) => {
      const call = this.callOf(vcpu);
      return call === undefined ? [] : [`vcpu${vcpu} in ${call}`];
    });
  }

  /** Whether a vCPU is in the handler of an INTID. */
  isIn(vcpu: VcpuId, intid: Intid): boolean {
    return load(this.#words, this.#at(vcpu)) === intid + 1;
  }

  /** Whether any vCPU is in its handler for an event, whatever the event's INTID. */
  handles(source: number): boolean {
    for (let at = this.#region.at; at < this.#region.at + this.#region.words; at += LINE)
      if (load(this.#words, at) !== OUTSIDE && load(this.#words, at + SOURCE) === source + 1) return true;
    return false;
  }

  /** Whether any vCPU is in a function of its guest. */
  get isAnyInside(): boolean {
    for (let at = this.#region.at; at < this.#region.at + this.#region.words; at += LINE)
      if (load(this.#words, at) !== OUTSIDE) return true;
    return false;
  }

  /** The guest of a vCPU has called `cpu.stop()`: its vCPU leaves, and takes no interrupt any more. */
  stop(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu) + STOPPED, 1);
  }

  hasStopped(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at(vcpu) + STOPPED) !== 0;
  }

  #at(vcpu: VcpuId): number {
    return this.#region.at + vcpu * LINE;
  }
}
