import type { VcpuId } from '../arch/intid.ts';
import type { Layout } from '../memory/layout.ts';
import type { Words } from '../memory/word.ts';
import { Aplic, type AplicRegions, aplicRegions, swapped } from './aplic.ts';
import {
  AIA_IDS,
  AIA_SOURCES,
  AiaConfig,
  type AiaConfigRegions,
  aiaConfigRegions,
  fileOf,
  isRegister,
  isSwapped,
  NO_FILE,
} from './config.ts';
import { Imsic, type ImsicRegions, imsicRegions } from './imsic.ts';

export type AiaRegions = {
  readonly config: AiaConfigRegions;
  readonly aplic: AplicRegions;
  readonly files: readonly ImsicRegions[];
};

export function aiaRegions(layout: Layout, vcpus: number): AiaRegions {
  return {
    config: aiaConfigRegions(layout, vcpus),
    aplic: aplicRegions(layout),
    files: Array.from({ length: vcpus }, (_, vcpu) => imsicRegions(layout, vcpu)),
  };
}

/** The MSI was taken, or its address is in no vCPU's pages. */
export const MSI_DONE = 0;
/** The page has no such register, or the identity is 0. */
export const MSI_NO_REGISTER = -1;
/** The file has fewer identities. */
export const MSI_NO_IDENTITY = -2;

/**
 * The interrupt controller of a RISC-V machine: an APLIC, and an interrupt file for each vCPU. The controller knows nothing of KVM.
 * One view a thread.
 */
export class Aia {
  readonly config: AiaConfig;
  readonly aplic: Aplic;
  readonly files: readonly Imsic[];

  constructor(words: Words, regions: AiaRegions) {
    const config = new AiaConfig(words, regions.config);
    this.config = config;
    this.files = regions.files.map((region) => new Imsic(words, region, config.at(AIA_IDS)));
    this.aplic = new Aplic(words, regions.aplic, config.at(AIA_SOURCES), (hart, identity) => {
      this.files[config.vcpuOfHart(hart)]?.accept(identity);
    });
  }

  /** Once, by the thread that creates the memory. @param ids - the highest identity that the host offers */
  reset(ids: number): void {
    this.config.reset(ids);
    this.aplic.reset();
    for (const file of this.files) file.reset();
  }

  /** @throws RangeError for a vCPU that is not there */
  file(vcpu: VcpuId): Imsic {
    const file = this.files[vcpu];
    if (!file) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.files.length}`);
    return file;
  }

  /**
   * An MSI: a write of `data` to the page of a file. Any thread, also within a reader section: no lock, no allocation.
   * @param target - of `AiaConfig.targetOf`
   * @returns {@link MSI_DONE}, {@link MSI_NO_REGISTER} or {@link MSI_NO_IDENTITY}
   */
  message(target: number, data: number): number {
    if (target === NO_FILE) return MSI_DONE;
    if (!isRegister(target) || data === 0) return MSI_NO_REGISTER;
    const identity = isSwapped(target) ? swapped(data) : data >>> 0;
    return this.files[fileOf(target)]?.accept(identity) ? MSI_DONE : MSI_NO_IDENTITY;
  }
}
