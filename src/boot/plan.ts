import { BLOCK_BYTES, FILTER_BYTES } from '../cpu/index.ts';
import { EVENT_COUNT_WORDS } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { type PlatformPlan, type PlatformRegions, platformRegions } from '../platform/platform.ts';

/** The guest's time: `virtual`, from its instructions, so that runs of one schedule are equal; or `real`, the host's. */
export const CLOCKS = ['virtual', 'real'] as const;
export type ClockKind = (typeof CLOCKS)[number];

/** The order in which a vCPU's stores become visible to others: `strong`: program order; `arm`: any order that Arm allows. */
export const MEMORY_MODELS = ['strong', 'arm'] as const;
export type MemoryModel = (typeof MEMORY_MODELS)[number];

/** The plan that every thread of a booted guest gets. Plain data. */
export type BootPlan = {
  readonly vcpus: number;
  /** Words of the `scenario` region before the board's. */
  readonly before: number;
  readonly platform: PlatformPlan;
  readonly clock: ClockKind;
  /**
   * Virtual time while every vCPU sleeps - true: passes at the host's pace; false: is skipped, so a guest that waits runs fast, and a
   * guest that waits for a terminal keeps its core busy.
   */
  readonly paced: boolean;
  /** Whether HLT 0xf000 is a semihosting call. */
  readonly semihosting: boolean;
  /** `arm` needs the controlled scheduler: its schedule decides when a store leaves the vCPU's buffer. */
  readonly memoryModel: MemoryModel;
  /** Pages of RAM whose writes are tracked, for snapshots and watches; 0: none. */
  readonly pages: number;
  /** Guest-physical addresses of the first instruction and of the device tree, for vCPU 0. */
  readonly entry: number;
  readonly tree: number;
};

/** INTIDs with a counter each: SGIs, PPIs and SPIs, then LPIs from 8192 on. The last word counts all others. */
export const COUNTED_LOW = 1024;
export const COUNTED_LPIS = 4096;
export const COUNTED = COUNTED_LOW + COUNTED_LPIS + 1;

export type VcpuRegions = {
  readonly block: Region;
  readonly psci: Region;
  readonly time: Region;
  readonly deadline: Region;
  readonly counts: Region;
};

export type BootRegions = {
  readonly platform: PlatformRegions;
  readonly end: Region;
  readonly endBell: Region;
  readonly asleep: Region;
  readonly lock: Region;
  /** A cache line for each vCPU: the epoch of TLB invalidations that it has applied. */
  readonly tlbs: Region;
  /** A byte for each of `BootPlan.pages`. */
  readonly dirtyPages: Region;
  /** A byte for each page, then the watched addresses: see `WatchedMemory`. */
  readonly watch: Region;
  readonly vcpus: readonly VcpuRegions[];
};

/** The words of a booted guest, within the machine's `scenario` region. */
export function bootRegions(
  layout: Layout,
  plan: Pick<BootPlan, 'vcpus' | 'platform' | 'pages'>,
): BootRegions {
  const pageWords = Math.ceil(plan.pages / 4);
  return {
    platform: platformRegions(layout, plan.platform),
    end: layout.region('guest.end', LINE),
    endBell: layout.region('guest.endBell', EVENT_COUNT_WORDS),
    asleep: layout.region('guest.asleep', 1),
    lock: layout.region('guest.pairLock', 3),
    tlbs: layout.region('guest.tlbs', plan.vcpus * LINE),
    dirtyPages: layout.region('guest.dirtyPages', pageWords),
    watch: layout.region('guest.watch', pageWords === 0 ? 0 : pageWords + FILTER_BYTES / 4),
    vcpus: Array.from({ length: plan.vcpus }, (_, vcpu) => ({
      block: layout.region(`vcpu${vcpu}.core`, BLOCK_BYTES / 4),
      psci: layout.region(`vcpu${vcpu}.psci`, LINE),
      time: layout.region(`vcpu${vcpu}.time`, LINE),
      deadline: layout.region(`vcpu${vcpu}.deadline`, LINE),
      counts: layout.region(`vcpu${vcpu}.taken`, COUNTED),
    })),
  };
}
