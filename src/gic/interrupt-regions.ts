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
  /** SPIs that there is room for, 32 to 988 in steps of 32 (988 itself included); INTIDs 32 to 31 + spis. */
  readonly spis: number;
  /** Bits of an INTID when the guest uses them all, 14 to 16: LPIs are 8192 to 2^idBits - 1. */
  readonly idBits: number;
  /** List registers of each vCPU, up to 16. 0, or left out: none, and a guest takes interrupts from the list itself. */
  readonly listRegisters?: number;
};

/** What an interrupt controller may choose about its interrupts. */
export type InterruptChoices = {
  /** Whether interrupts of equal priority are taken in the order in which they became pending; if not, the lowest INTID is. */
  readonly firstCome: boolean;
  /** Whether a level interrupt that was latched by register stays latched until it ends; if not, the acknowledge clears the latch. */
  readonly keepsLevelLatch: boolean;
  /**
   * Where more interrupts wait than there are list registers: whether those that are pending are loaded before those that are active,
   * and EOIs of the latter are counted (Linux 6.19). If not, active ones are loaded first, and an EOI that finds none is lost.
   */
  readonly loadsPendingFirst: boolean;
};

/** Where the states of all interrupts lie, and what each vCPU looks at. */
export type InterruptRegions = {
  /** 32 words a vCPU: its SGIs and PPIs. */
  readonly privates: Region;
  readonly spis: Region;
  /** One word: how many of them exist. See {@link Interrupts.resize}. */
  readonly existing: Region;
  readonly lpis: Region;
  readonly census: Region;
  /** By vCPU: the INTIDs that it should look at. */
  readonly lists: readonly VcpuListRegions[];
  /** By vCPU: where its thread sleeps. */
  readonly bells: readonly Region[];
  /** One word: the groups that the distributor forwards. See {@link Interrupts.setForwarding}. */
  readonly forwarding: Region;
  /** By vCPU, where there are list registers: a word that tells its thread to leave the guest. */
  readonly kicks: readonly Region[];
  /** A word an SPI, and an LPI where there are list registers: where one that was routed elsewhere while it was active, or loaded, goes. */
  readonly nextTargets: Region;
  readonly acks: LevelAckRegions;
  readonly idLimit: number;
  readonly firstCome: boolean;
  readonly keepsLevelLatch: boolean;
  readonly loadsPendingFirst: boolean;
};

/** How many SPIs exist, of those that there is room for. */
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
