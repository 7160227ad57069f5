import type { VcpuId } from '../arch/intid.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Layout, Records, Region } from '../memory/layout.ts';
import { Mutex } from '../memory/mutex.ts';
import { store, type Words } from '../memory/word.ts';
import { CpuInterface, cpuInterfaceRegion } from './cpu-interface.ts';
import { Distributor, type DistributorRegions, distributorRegions } from './distributor.ts';
import { type InterruptRegions, type InterruptsConfig, interruptRegions } from './interrupt-regions.ts';
import type { InterruptSource } from './interrupt-source.ts';
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
import { VlpiFrame } from './vlpi-frame.ts';
import { Vpes, type VpesRegions, vpesRegions } from './vpes.ts';
import { Wires } from './wires.ts';

/** The configuration that decides the layout of an interrupt controller. */
export type GicConfig = InterruptsConfig & {
  readonly personality: GicPersonalityName;
  /** Whether the machine has an ITS, and therefore LPIs. */
  readonly its: boolean;
  /** vPEs of a GICv4.1 that the machine has room for; 0 or left out: a GICv3. */
  readonly vpes?: number;
};

/** The regions of an interrupt controller; made by {@link gicRegions}. */
export type GicRegions = {
  readonly config: GicConfig;
  readonly interrupts: InterruptRegions;
  /** By vCPU. */
  readonly cpuInterfaces: readonly Region[];
  /** By vCPU; empty without list registers. */
  readonly listRegisters: readonly Region[];
  readonly distributor: DistributorRegions;
  readonly redistributors: Records;
  readonly lpis: LpiRegions;
  /** Of a GICv4.1. */
  readonly vpes: VpesRegions | undefined;
};

/** Adds the regions of an interrupt controller, without its ITS, to a layout. */
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
    vpes: config.vpes ? vpesRegions(layout, config.vpes, config.vcpus) : undefined,
  };
}

/** Functions of the board that the interrupt controller calls. */
export type GicHooks = {
  /** A redistributor's LPIs were disabled: the board must drop cached translations. The caller holds no lock. */
  readonly lpisDisabled: (vcpu: VcpuId) => void;
  /** Makes a subclass of {@link Interrupts}: with an injected fault, or with time stamps. */
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

/** A GICv3 without its ITS, bound to shared memory: a view without state, which each thread makes for itself. */
export class Gic {
  readonly config: GicConfig;
  readonly personality: GicPersonality;
  readonly interrupts: Interrupts;
  readonly wires: Wires;
  /** By vCPU. While a vCPU runs, only its thread may use its CPU interface. */
  readonly cpuInterfaces: readonly CpuInterface[];
  /** By vCPU; empty on a machine whose guests take interrupts directly from the lists. While a vCPU runs, only its thread may use them. */
  readonly listRegisters: readonly ListRegisters[];
  /** By vCPU: the CPU interface by name or encoding of its registers. */
  readonly systemRegisters: readonly SystemRegisters[];
  readonly distributor: Distributor;
  /** By vCPU. */
  readonly redistributors: readonly Redistributor[];
  readonly lpis: Lpis;
  readonly its: ItsPresence;
  /** The vPEs of a GICv4.1; undefined for a GICv3. */
  readonly vpes: Vpes | undefined;
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
    this.wires = new Wires(interrupts, personality.everyHighIsAnEdge);
    this.listRegisters =
      interrupts instanceof LoadableInterrupts ? listRegistersOf(words, regions, interrupts) : [];
    this.cpuInterfaces = regions.cpuInterfaces.map(
      (region, vcpu) =>
        new CpuInterface(words, region, vcpu, this.listRegisters[vcpu] ?? interrupts, personality),
    );
    this.systemRegisters = this.cpuInterfaces.map((cpu) => new SystemRegisters(cpu, interrupts, personality));
    this.distributor = distributor;
    const { vpes: virtual } = regions;
    const vpes = virtual && new Vpes(words, virtual, { interrupts, lpis, memory });
    const vlpisOf = (vcpu: VcpuId) =>
      virtual && new VlpiFrame(words, virtual.frames, vcpu, { vpe: (vpe) => vpes?.at(vpe), lock });
    this.vpes = vpes;
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
          vlpis: vlpisOf(vcpu),
        }),
    );
    this.lpis = lpis;
    this.its = its;
  }

  /** Resets the controller. Call it before any thread of the machine runs. */
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

  /** The CPU interface of a vCPU over its list, even if the machine has list registers: KVM's view of a vCPU outside its guest. */
  cpuInterfaceOfList(vcpu: VcpuId): CpuInterface {
    return this.cpuInterfaceOver(vcpu, this.interrupts);
  }

  /** The CPU interface of a vCPU over another source of interrupts. */
  cpuInterfaceOver(vcpu: VcpuId, source: InterruptSource): CpuInterface {
    const region = this.#cpuRegions[vcpu];
    if (!region) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return new CpuInterface(this.#words, region, vcpu, source, this.personality);
  }

  /** The redistributor of a vCPU. @throws RangeError where there is no such vCPU */
  redistributor(vcpu: VcpuId): Redistributor {
    const found = this.redistributors[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return found;
  }
}
