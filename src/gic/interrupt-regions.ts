import { FIRST_LPI, FIRST_SPI, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { EVENT_COUNT } from '../memory/event-count.ts';
import type { Layout, Region, SizedKind } from '../memory/layout.ts';
import { type LevelAckRegions, levelAckRegions } from './level-acks.ts';
import { PRIORITY_CENSUS_WORDS } from './priority-census.ts';
import { type VcpuListRegions, vcpuListRegions } from './vcpu-list.ts';

/** Sizes of the interrupt controller's state. */
export type InterruptsConfig = {
  /** 1 to 512 */
  readonly vcpus: number;
  /** Room for SPIs: a multiple of 32 from 32 to 960, or 988; INTIDs 32 to 31 + spis. */
  readonly spis: number;
  /** Bits of an INTID, 14 to 16: LPIs are 8192 to 2^idBits - 1. */
  readonly idBits: number;
  /** List registers of each vCPU, up to 16. 0 or absent: none; a guest takes interrupts directly from the list. */
  readonly listRegisters?: number;
};

/** Choices of an implementation about delivering interrupts. */
export type InterruptChoices = {
  /** Among interrupts of equal priority, the vCPU takes first - true: the one that became pending first; false: the lowest INTID. */
  readonly firstCome: boolean;
  /** A level interrupt that ISPENDR latched stays latched - true: until it is deactivated; false: until it is acknowledged. */
  readonly keepsLevelLatch: boolean;
  /**
   * Applies when more interrupts wait than there are list registers. true (Linux 6.19): the vCPU loads pending interrupts before
   * active ones, and EOIcount counts EOIs of the active ones left out. false: active ones first; an EOI without a list register is lost.
   */
  readonly loadsPendingFirst: boolean;
};

/** The regions of all interrupt states, of each vCPU's list and of each vCPU's bell. */
export type InterruptRegions = {
  /** 32 words a vCPU: its SGIs and PPIs. */
  readonly privates: Region;
  readonly spis: Region;
  /** One word: how many of them exist. See {@link Interrupts.resize}. */
  readonly existing: Region;
  readonly lpis: Region;
  readonly census: Region;
  /** By vCPU: the list of INTIDs that the vCPU should check (KVM: ap_list). */
  readonly lists: readonly VcpuListRegions[];
  /** By vCPU: where its thread sleeps. */
  readonly bells: readonly Region[];
  /** One word: the groups that the distributor forwards. See {@link Interrupts.setForwarding}. */
  readonly forwarding: Region;
  /** By vCPU, with list registers only: a word that tells the vCPU's thread to leave the guest. */
  readonly kicks: readonly Region[];
  /** A word for each SPI, and with list registers for each LPI: the next target of an interrupt rerouted while active or loaded. */
  readonly nextTargets: Region;
  readonly acks: LevelAckRegions;
  readonly idLimit: number;
  readonly firstCome: boolean;
  readonly keepsLevelLatch: boolean;
  readonly loadsPendingFirst: boolean;
};

/** How many SPIs exist, out of the room for them. */
export const EXISTING_SPIS: SizedKind = {
  name: 'existing SPIs',
  words: 1,
  fault: (words, { at }, { spis }) => {
    const count = words[at] ?? 0;
    return count < 0 || count > spis ? `it counts ${count} SPIs, where 0 to ${spis} can be` : undefined;
  },
};

/** Adds the regions of the interrupt states to a layout. */
export function interruptRegions(
  layout: Layout,
  config: InterruptsConfig,
  choices: InterruptChoices = { firstCome: true, keepsLevelLatch: true, loadsPendingFirst: true },
): InterruptRegions {
  const idLimit = 2 ** config.idBits;
  const hasListRegisters = (config.listRegisters ?? 0) > 0;
  const each = <T>(make: (vcpu: VcpuId) => T): T[] =>
    Array.from({ length: config.vcpus }, (_, vcpu) => make(vcpu));
  return {
    privates: layout.region('private', config.vcpus * PRIVATE_INTIDS),
    spis: layout.region('spi', config.spis),
    existing: layout.place('spi.existing', EXISTING_SPIS),
    lpis: layout.region('lpi', idLimit - FIRST_LPI),
    census: layout.region('census', PRIORITY_CENSUS_WORDS),
    lists: each((vcpu) => vcpuListRegions(layout, vcpu, idLimit)),
    bells: each((vcpu) => layout.place(`vcpu${vcpu}.bell`, EVENT_COUNT)),
    forwarding: layout.region('forwarding', 1),
    kicks: hasListRegisters ? each((vcpu) => layout.region(`vcpu${vcpu}.kick`, 1)) : [],
    nextTargets: layout.region('spi.next', hasListRegisters ? idLimit - FIRST_SPI : config.spis),
    acks: levelAckRegions(layout),
    idLimit,
    firstCome: choices.firstCome,
    keepsLevelLatch: choices.keepsLevelLatch,
    loadsPendingFirst: choices.loadsPendingFirst,
  };
}
