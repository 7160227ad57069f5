import { GICR_STRIDE } from '../arch/frames.ts';
import { IrqError } from '../base/irq-error.ts';
import { DEFAULT_CONFIG, type Fault, type MachineConfig } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import { sharedMemory } from '../cpu/index.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { Layout } from '../memory/layout.ts';
import { boardTree } from '../platform/device-tree.ts';
import { readKernel } from '../platform/loader/kernel.ts';
import { MOST_TREE_BYTES, place, plan as planPlaces } from '../platform/loader/place.ts';
import { RAM_BASE } from '../platform/memory-map.ts';
import { platformFds } from '../platform/platform.ts';
import type { DeviceSpec } from '../platform/virtio/kinds.ts';
import { GuestBoard } from './guest-board.ts';
import { type BootPlan, bootRegions, type ClockKind, type MemoryModel } from './plan.ts';

/** The guest to boot, and its board. */
export type BootOptions = {
  /** Contents of the kernel's file: see {@link readKernel}. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  /** The kernel's command line. */
  readonly append: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly devices: readonly DeviceSpec[];
  /** Whether the board has QEMU's `pci-testdev`. */
  readonly testDevice?: boolean;
  /** Contents of the disks, in the order of the block devices. */
  readonly disks?: readonly Uint8Array[];
  readonly clock: ClockKind;
  readonly paced?: boolean;
  readonly semihosting?: boolean;
  readonly seed: number;
  /** Default `strong`. */
  readonly memoryModel?: MemoryModel;
  /** Whether {@link BoardSnapshot} can save and restore the guest. */
  readonly snapshots?: boolean;
  readonly dispatch?: Dispatch;
  readonly fault?: Fault;
  /** Words at the start of the `scenario` region for the caller: a multiple of 16. */
  readonly before?: number;
  /** Additional eventfds (numbered first), DeviceIDs, events and threads for the caller. */
  readonly more?: {
    readonly eventfds: number;
    readonly devices: number;
    readonly events: number;
    readonly threads: number;
  };
};

/** The most guest memory, MiB: QEMU's board without high memory ends there, below its PCI window. */
const MOST_MEMORY_MIB = 3072;
const PAGE_WORDS = 1024;
const PAGE_BYTES = 4096;
const MEBIBYTE = 2 ** 20;
const SPIS = 224;
/** Start of the RTC under virtual time, Unix seconds: the same in all runs of a seed. */
const EPOCH = Date.UTC(2024, 0, 1) / 1000;

/**
 * Builds a board and loads the guest, so that vCPU 0 can start. The calling thread is the board's main thread.
 * @throws IrqError `ERR_CONFIG`, `ERR_GUEST_IMAGE`
 */
export function buildBoard(options: BootOptions): GuestBoard {
  const { vcpus, memoryMiB, devices, testDevice = false } = options;
  if (!Number.isInteger(memoryMiB) || memoryMiB < 2 || memoryMiB > MOST_MEMORY_MIB)
    throw new IrqError('ERR_CONFIG', `guest memory is 2 to ${MOST_MEMORY_MIB} MiB, not ${memoryMiB}`);
  const functions = devices.length + (testDevice ? 1 : 0);
  if (functions > 31) throw new IrqError('ERR_CONFIG', `a PCI bus has room for 31 devices, not ${functions}`);
  const kernel = readKernel(options.kernel, RAM_BASE);
  const placement = planPlaces(kernel, options.initrd, { base: RAM_BASE, bytes: memoryMiB * MEBIBYTE });
  const plan: BootPlan = {
    vcpus,
    before: options.before ?? 0,
    platform: { devices, testDevice, firstFd: options.more?.eventfds ?? 0 },
    clock: options.clock,
    paced: options.paced ?? false,
    semihosting: options.semihosting ?? false,
    memoryModel: options.memoryModel ?? 'strong',
    pages: options.snapshots ? (memoryMiB * MEBIBYTE) / PAGE_BYTES : 0,
    entry: placement.entry,
    tree: placement.tree,
  };
  const config = aligned(configOf(options, plan), plan);
  const memory = sharedMemory(Machine.bytes(config));
  const machine = Machine.create(config, memory.buffer);
  const board = new GuestBoard(machine, plan, { memory });
  const tree = boardTree({
    vcpus,
    affinityOf: GuestBoard.affinityOf,
    gicdBase: config.gicdBase,
    gicrBase: config.gicrBase,
    gicrBytes: vcpus * GICR_STRIDE,
    itsBase: config.itsBase,
    ramBase: RAM_BASE,
    ramBytes: memoryMiB * MEBIBYTE,
    pci: true,
    bootArguments: options.append,
    ...(placement.initrd ? { initrd: placement.initrd } : {}),
    rngSeed: seedBytes(options.seed),
  });
  if (tree.length > MOST_TREE_BYTES) throw new IrqError('ERR_CONFIG', 'the device tree passes 2 MiB');
  place(machine.memory, placement, { kernel, initrd: options.initrd, tree });
  board.reset(options.seed, options.clock === 'real' ? Math.floor(Date.now() / 1000) : EPOCH);
  fillDisks(board, options.disks ?? []);
  return board;
}

function configOf(options: BootOptions, plan: BootPlan): MachineConfig {
  const { vcpus, memoryMiB, dispatch = 'inline', fault = 'none' } = options;
  const more = options.more ?? { eventfds: 0, devices: 0, events: 0, threads: 0 };
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    spis: SPIS,
    devices: 256 + more.devices,
    events: 4096 + more.events,
    eventfds: Math.max(1, platformFds(plan.platform) + more.eventfds),
    otherThreads: 1 + options.devices.length + more.threads,
    dispatch,
    fault,
    memory: [{ base: RAM_BASE, bytes: memoryMiB * MEBIBYTE }],
  };
}

/** The configuration with a `scenario` region for the board, padded so that guest memory begins on a page. */
function aligned(config: MachineConfig, plan: BootPlan): MachineConfig {
  const start = Machine.ramAt(config) / 4;
  const layout = new Layout(start + plan.before);
  bootRegions(layout, plan);
  return { ...config, scenarioWords: Math.ceil(layout.words / PAGE_WORDS) * PAGE_WORDS - start };
}

function fillDisks(board: GuestBoard, disks: readonly Uint8Array[]): void {
  const sectors = board.platform.devices.flatMap(({ model }) => (model.sectors ? [model.sectors] : []));
  for (const [index, disk] of disks.entries()) sectors[index]?.set(disk);
}

/** The seed of the kernel's random number generator: the same bytes for the same seed. */
function seedBytes(seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length: 64 }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}
