import { FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../../arch/intid.ts';
import type { Layout, Region } from '../../memory/layout.ts';
import { store, type Words } from '../../memory/word.ts';
import type { CpuInterface } from '../cpu-interface.ts';
import type { Gic } from '../gic.ts';
import { GROUP1 } from '../state.ts';
import { CpuFrame, cpuFrameRegion } from './cpu-frame.ts';
import { DistributorV2 } from './distributor.ts';
import { MOST_V2_VCPUS, SgiSources, sgiSourceRegion } from './sgi-sources.ts';

/** What a GICv2 has beside the interrupts of the GICv3. */
export type GicV2Regions = {
  readonly sgis: Region;
  readonly cpu: Region;
  /** A word for each SPI: its GICD_ITARGETSR. */
  readonly targets: Region;
};

export function gicV2Regions(layout: Layout, spis: number): GicV2Regions {
  return {
    sgis: sgiSourceRegion(layout),
    cpu: cpuFrameRegion(layout),
    targets: layout.region('gicv2.targets', spis),
  };
}

/** Registers of one vCPU's CPU interface, by offset. */
export type V2Frame = {
  control: number;
  read(offset: number): number;
  write(offset: number, value: number): void;
  binaryPoint(group: 0 | 1): number;
  setBinaryPoint(group: 0 | 1, value: number): void;
};

/** A GICv2 as KVM's calls use it: a {@link GicV2}. */
export type V2Registers = {
  readonly distributor: {
    read(vcpu: VcpuId, offset: number, size: number): bigint;
    write(vcpu: VcpuId, offset: number, size: number, value: bigint): void;
    has(offset: number): boolean;
  };
  readonly sgis: {
    send(target: VcpuId, sgi: Intid, sources: number): void;
    withdraw(target: VcpuId, sgi: Intid, sources: number): void;
  };
  /** By vCPU. */
  readonly frames: readonly V2Frame[];
  cpuInterface(vcpu: VcpuId): CpuInterface;
  reset(): void;
};

/** A GICv2 over the interrupts and lists of a {@link Gic}: at most 8 vCPUs, no redistributors, no LPIs. A view without state. */
export class GicV2 implements V2Registers {
  readonly sgis: SgiSources;
  readonly distributor: DistributorV2;
  /** By vCPU. While a vCPU runs, only its thread may use them. */
  readonly cpuInterfaces: readonly CpuInterface[];
  readonly frames: readonly CpuFrame[];
  readonly #gic: Gic;
  readonly #words: Words;
  readonly #regions: GicV2Regions;

  /** @param vcpus - the number of vCPUs that exist */
  constructor(words: Words, regions: GicV2Regions, gic: Gic, vcpus: () => number) {
    const { interrupts } = gic;
    const sgis = new SgiSources(words, regions.sgis, interrupts);
    this.#gic = gic;
    this.#words = words;
    this.#regions = regions;
    this.sgis = sgis;
    this.distributor = new DistributorV2(words, regions.targets, gic, sgis, vcpus);
    this.cpuInterfaces = gic.cpuInterfaces
      .slice(0, MOST_V2_VCPUS)
      .map((_, vcpu) => gic.cpuInterfaceOver(vcpu, sgis));
    this.frames = this.cpuInterfaces.map((cpu) => new CpuFrame({ words, region: regions.cpu, cpu, sgis }));
  }

  /** The state after reset: all interrupts are of group 0. Before any vCPU runs. */
  reset(): void {
    const { interrupts } = this.#gic;
    this.sgis.reset();
    for (const frame of this.frames) frame.control = 0;
    const { at, words } = this.#regions.targets;
    for (let spi = 0; spi < words; spi++) store(this.#words, at + spi, 0);
    for (let vcpu: VcpuId = 0; vcpu < interrupts.vcpus; vcpu++)
      for (let intid: Intid = 0; intid < PRIVATE_INTIDS; intid++)
        interrupts.amend(interrupts.find(vcpu, intid), GROUP1, 0);
    for (let intid: Intid = FIRST_SPI; intid < interrupts.endSpi; intid++)
      interrupts.amend(interrupts.find(0, intid), GROUP1, 0);
  }

  /** The CPU interface of a vCPU. @throws RangeError beyond the eighth vCPU */
  cpuInterface(vcpu: VcpuId): CpuInterface {
    const found = this.cpuInterfaces[vcpu];
    if (!found) throw new RangeError(`a GICv2 has ${MOST_V2_VCPUS} vCPUs, and no vCPU ${vcpu}`);
    return found;
  }
}
