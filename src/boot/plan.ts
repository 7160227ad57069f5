import { BLOCK_BYTES, FILTER_BYTES } from '../cpu/index.ts';
import { EVENT_COUNT_WORDS } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { type PlatformPlan, type PlatformRegions, platformRegions } from '../platform/platform.ts';

/** What the guest's time is: instructions run, so that no two runs of one schedule differ; or the host's. */
export const CLOCKS = ['virtual', 'real'] as const;
export type ClockKind = (typeof CLOCKS)[number];

/** In what order the stores of a vCPU become visible to the others: as they were made, or as Arm lets them. */
export const MEMORY_MODELS = ['strong', 'arm'] as const;
export type MemoryModel = (typeof MEMORY_MODELS)[number];

/** What every thread of a booted guest is told. Plain data. */
export type BootPlan = {
  readonly vcpus: number;
  /** Words of the scenario's region in front of the board's. */
  readonly before: number;
  readonly platform: PlatformPlan;
  readonly clock: ClockKind;
  /**
   * Whether virtual time that passes while every vCPU sleeps takes as long as it says. Else it is skipped: a guest that
   * waits then runs fast, and a guest that waits for a terminal is busy.
   */
  readonly paced: boolean;
  /** Whether HLT 0xf000 is a semihosting call. */
  readonly semihosting: boolean;
  /** `arm` is for a guest that runs in turns: the schedule says when a store leaves its vCPU's buffer. */
  readonly memoryModel: MemoryModel;
  /** Pages of RAM whose writes are noted, for snapshots, and that can be watched; 0: not. */
  readonly pages: number;
  /** Guest-physical addresses of the first instruction and of the device tree, for vCPU 0. */
  readonly entry: number;
  readonly tree: number;
};

/** INTIDs that are counted one by one: SGIs, PPIs and SPIs, then LPIs from 8192 on; the last word counts the others. */
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
  /** A line for each vCPU: which epoch of the TLBs it has heeded. */
  readonly tlbs: Region;
  /** A byte for each of `BootPlan.pages`. */
  readonly dirtyPages: Region;
  /** The same, and behind them what says which addresses: see `WatchedMemory`. */
  readonly watch: Region;
  readonly vcpus: readonly VcpuRegions[];
};

/** The words of a booted guest, within the scenario's region of the machine. */
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
