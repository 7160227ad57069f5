import type { VcpuId } from '../arch/intid.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Layout, Records, Region } from '../memory/layout.ts';
import { Mutex } from '../memory/mutex.ts';
import { store, type Words } from '../memory/word.ts';
import { CpuInterface, cpuInterfaceRegion } from './cpu-interface.ts';
import { Distributor, type DistributorRegions, distributorRegions } from './distributor.ts';
import { type InterruptRegions, type InterruptsConfig, interruptRegions } from './interrupt-regions.ts';
import { Interrupts } from './interrupts.ts';
import { ItsPresence } from './its-presence.ts';
import { ListRegisters, listRegisterRegion } from './list-registers.ts';
import { LoadableInterrupts } from './loadable-interrupts.ts';
import { LpiTables } from './lpi-tables.ts';
import { type LpiRegions, Lpis, lpiRegions } from './lpis.ts';
import {
  GIC_PERSONALITIES,
  type GicPersonality,
  type GicPersonalityName,
  resetState,
} from './personality.ts';
import { Redistributor } from './redistributor.ts';
import { RedistributorWords, redistributorRegion } from './redistributor-words.ts';
import { resetInterrupts } from './reset.ts';
import { SystemRegisters } from './system-registers.ts';
import { Wires } from './wires.ts';

/** What has to be known of an interrupt controller to lay it out. */
export type GicConfig = InterruptsConfig & {
  readonly personality: GicPersonalityName;
  /** Whether the machine has an ITS, and so LPIs. */
  readonly its: boolean;
};

/** Where an interrupt controller lies; made by {@link gicRegions}. */
export type GicRegions = {
  readonly config: GicConfig;
  readonly interrupts: InterruptRegions;
  /** By vCPU. */
  readonly cpuInterfaces: readonly Region[];
  /** By vCPU, where there are list registers. */
  readonly listRegisters: readonly Region[];
  readonly distributor: DistributorRegions;
  readonly redistributors: Records;
  readonly lpis: LpiRegions;
};

/** Adds everything of an interrupt controller but its ITS to a layout. */
export function gicRegions(layout: Layout, config: GicConfig): GicRegions {
  const each = <T>(make: (vcpu: VcpuId) => T): T[] =>
    Array.from({ length: config.vcpus }, (_, vcpu) => make(vcpu));
  return {
    config,
    interrupts: interruptRegions(layout, config, GIC_PERSONALITIES[config.personality]),
    cpuInterfaces: each((vcpu) => cpuInterfaceRegion(layout, vcpu)),
    listRegisters: (config.listRegisters ?? 0) > 0 ? each((vcpu) => listRegisterRegion(layout, vcpu)) : [],
    distributor: distributorRegions(layout, config.spis),
    redistributors: redistributorRegion(layout, config.vcpus),
    lpis: lpiRegions(layout, 2 ** config.idBits),
  };
}

/** What the interrupt controller calls outside itself. */
export type GicHooks = {
  /** LPIs were disabled at a redistributor: cached translations may no longer be used. Called with no lock held. */
  readonly lpisDisabled: (vcpu: VcpuId) => void;
  /** Makes the interrupts of another class: a machine with a fault put in on purpose, or one with stamps. */
  readonly makeInterrupts?: (regions: InterruptRegions) => Interrupts;
};

function listRegistersOf(
  words: Words,
  { config, interrupts: { lists, loadsPendingFirst: pendingFirst }, listRegisters }: GicRegions,
  interrupts: LoadableInterrupts,
): ListRegisters[] {
  const { listRegisters: count = 0 } = config;
  return lists.flatMap((list, vcpu) => {
    const region = listRegisters[vcpu];
    return region ? [new ListRegisters({ words, region, interrupts, list, vcpu, count, pendingFirst })] : [];
  });
}

/** A GICv3 without its ITS, bound to shared memory: a view without state, to be made anew in any thread. */
export class Gic {
  readonly config: GicConfig;
  readonly personality: GicPersonality;
  readonly interrupts: Interrupts;
  readonly wires: Wires;
  /** By vCPU; only the thread of a vCPU may use its own while it runs. */
  readonly cpuInterfaces: readonly CpuInterface[];
  /** By vCPU; empty where the machine has none, and guests take interrupts from the lists themselves. As for the CPU interfaces. */
  readonly listRegisters: readonly ListRegisters[];
  /** By vCPU: the same registers by name or encoding. */
  readonly systemRegisters: readonly SystemRegisters[];
  readonly distributor: Distributor;
  /** By vCPU. */
  readonly redistributors: readonly Redistributor[];
  readonly lpis: Lpis;
  readonly its: ItsPresence;
  readonly #words: Words;
  readonly #lpiRegions: LpiRegions;
  readonly #cpuRegions: readonly Region[];

  constructor(words: Words, regions: GicRegions, memory: GuestMemory, hooks: GicHooks) {
    const personality = GIC_PERSONALITIES[regions.config.personality];
    const hasListRegisters = regions.listRegisters.length > 0;
    const Made = hasListRegisters ? LoadableInterrupts : Interrupts;
    const interrupts = hooks.makeInterrupts?.(regions.interrupts) ?? new Made(words, regions.interrupts);
    const registers = new RedistributorWords(words, regions.redistributors);
    const tables = new LpiTables(registers, memory, personality, regions.interrupts.idLimit);
    const lpis = new Lpis(words, regions.lpis, interrupts, tables, personality.outliveMappings);
    const lock = new Mutex(words, regions.distributor.lock, 'the GIC configuration lock');
    const its = new ItsPresence(words, regions.distributor.its.at);
    const distributor = new Distributor(
      words,
      regions.distributor,
      interrupts,
      lpis,
      personality,
      { idBits: regions.config.idBits, its },
      lock,
    );
    this.#words = words;
    this.#lpiRegions = regions.lpis;
    this.#cpuRegions = regions.cpuInterfaces;
    this.config = regions.config;
    this.personality = personality;
    this.interrupts = interrupts;
    this.wires = new Wires(interrupts, personality.everyOneIsAnEdge);
    this.listRegisters =
      interrupts instanceof LoadableInterrupts ? listRegistersOf(words, regions, interrupts) : [];
    this.cpuInterfaces = regions.cpuInterfaces.map(
      (region, vcpu) =>
        new CpuInterface(words, region, vcpu, this.listRegisters[vcpu] ?? interrupts, personality),
    );
    this.systemRegisters = this.cpuInterfaces.map((cpu) => new SystemRegisters(cpu, interrupts, personality));
    this.distributor = distributor;
    this.redistributors = regions.cpuInterfaces.map(
      (_, vcpu) =>
        new Redistributor(vcpu, {
          words: registers,
          interrupts,
          personality,
          distributor,
          lpis,
          its,
          lock,
          lpisDisabled: hooks.lpisDisabled,
        }),
    );
    this.lpis = lpis;
    this.its = its;
  }

  /** Puts everything into its reset state. Before any thread of the machine runs. */
  reset(): void {
    this.its.exists = this.config.its;
    resetInterrupts(this.interrupts, (intid, vcpu) => resetState(this.personality, intid, vcpu));
    for (const { at, words } of Object.values(this.#lpiRegions)) {
      for (let word = 0; word < words; word++) store(this.#words, at + word, 0);
    }
    this.distributor.reset();
    for (const redistributor of this.redistributors) redistributor.reset();
    for (const cpu of this.cpuInterfaces) cpu.reset();
  }

  /** The CPU interface of a vCPU. @throws RangeError where there is no such vCPU */
  cpuInterface(vcpu: VcpuId): CpuInterface {
    const found = this.cpuInterfaces[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return found;
  }

  /** As {@link cpuInterface}, with the list as its source, whatever the machine has: as KVM looks at a vCPU that is not in its guest. */
  cpuInterfaceOfList(vcpu: VcpuId): CpuInterface {
    const region = this.#cpuRegions[vcpu];
    if (!region) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return new CpuInterface(this.#words, region, vcpu, this.interrupts, this.personality);
  }

  /** The redistributor of a vCPU. @throws RangeError where there is no such vCPU */
  redistributor(vcpu: VcpuId): Redistributor {
    const found = this.redistributors[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return found;
  }
}
