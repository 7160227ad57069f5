import { VIRT_FRAMES } from '../arch/frames.ts';
import type { VcpuId } from '../arch/intid.ts';
import { FD_VM } from '../kvm/fds.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { DEFAULT_SPIS, MOST_ITSES, VGIC_ITS, VGIC_V3 } from '../kvm/vgic/vgic-state.ts';
import { ADDRESSES, CONTROLS, GROUPS } from '../kvm-abi/devices/attribute.ts';
import { markLast } from '../kvm-abi/devices/redistributors.ts';
import { KvmVm, type VmAttachment } from '../kvm-abi/kvm-vm.ts';
import { DEFAULT_KVM_OPTIONS, type KvmOptions } from '../kvm-abi/options.ts';
import { readHeader } from '../memory/header.ts';
import { Board, createBoards } from './board.ts';
import {
  DEFAULT_CONFIG,
  DEFAULT_HOST,
  type MachineConfig,
  MOST_VMS,
  readConfig,
  sizesOf,
  threadsOf,
} from './config.ts';

/** Most SPIs of a VM: NR_IRQS 992. */
const MOST_SPIS = 960;

/** The board of VMs that userland sets up: with room for everything that userland may ask for. */
function configOf(options: KvmOptions): MachineConfig {
  const { vcpus, idBits, devices, events, eventfds, dispatch, design, memory, threads, vms } = options;
  const { physBits, gicV2, ownedPpis, exclusiveEventFds, vcpusLater } = options;
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    spis: MOST_SPIS,
    idBits,
    devices,
    events,
    eventfds,
    otherThreads: Math.max(1, threads - 1 - vcpus),
    dispatch,
    abi: design,
    memory,
    vms,
    itses: MOST_ITSES,
    host: { physBits, gicV2, ownedPpis, exclusiveEventFds, vcpusLater },
  };
}

function optionsOf(config: MachineConfig): KvmOptions {
  const { vcpus, idBits, devices, events, eventfds, dispatch, abi, memory } = config;
  return {
    vcpus,
    idBits,
    devices,
    events,
    eventfds,
    dispatch,
    memory,
    design: abi,
    threads: threadsOf(config),
    vms: sizesOf(config).vms,
    ...(config.host ?? DEFAULT_HOST),
  };
}

const MEMORY_PAGE = 4096;

/** The least and the most of each whole-number option. */
const RANGES = {
  vcpus: [1, 512],
  vms: [1, MOST_VMS],
  eventfds: [1, 65_534],
  threads: [1, 4096],
  idBits: [14, 16],
  devices: [1, 65_535],
  events: [1, 65_535],
  physBits: [32, 52],
} as const satisfies Partial<Record<keyof KvmOptions, readonly [number, number]>>;

/** @throws KvmError EINVAL for the first invalid option */
function checkOptions(options: KvmOptions): void {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new KvmError(
        'KVM_CREATE_VM',
        'EINVAL',
        `${name} is a whole number from ${least} to ${most}, not ${value}`,
      );
  }
  let end = 0;
  for (const { base, bytes } of [...options.memory].sort((a, b) => a.base - b.base)) {
    const aligned = base % MEMORY_PAGE === 0 && bytes % MEMORY_PAGE === 0 && bytes > 0;
    if (!aligned || base < end || base + bytes > 2 ** options.physBits) {
      const slot = `memory of ${bytes} bytes at 0x${base.toString(16)}`;
      throw new KvmError(
        'KVM_CREATE_VM',
        'EINVAL',
        `${slot} is not of whole pages of 4 KiB, overlaps other memory, or ends past 2^${options.physBits}`,
      );
    }
    end = base + bytes;
  }
}

/**
 * KVM_CREATE_VM: makes VMs of one process, before any setup. They share file descriptors and nothing else.
 * @throws KvmError if no descriptor is free
 */
export function createVms(count: number, options: Partial<KvmOptions> = {}): KvmVm[] {
  const all = { ...DEFAULT_KVM_OPTIONS, ...options, vms: count };
  checkOptions(all);
  const config = configOf(all);
  const boards = createBoards(config, (...given) => new Board(...given));
  return boards.map((board) => {
    board.gic.interrupts.resize(DEFAULT_SPIS);
    board.gic.its.exists = false;
    board.fds.open('KVM_CREATE_VM', FD_VM, board.index);
    const vm = new KvmVm(board.among(boards), optionsOf(config));
    markLast(board.gic.redistributors, board.vm.vgic);
    for (let vcpu: VcpuId = 0; vcpu < config.vcpus && !vm.options.vcpusLater; vcpu++) vm.createVcpu();
    return vm;
  });
}

/** Makes one VM in a process of its own. The calling thread is its thread 0. */
export function createVm(options: Partial<KvmOptions> = {}): KvmVm {
  const [vm] = createVms(1, options);
  if (!vm) throw new KvmError('KVM_CREATE_VM', 'ENOMEM', 'there is no room for a VM');
  return vm;
}

/**
 * Attaches a VM in another thread.
 * @param thread - the calling thread's number, 1 to `threads - 1`; no two threads share one
 * @throws IrqError `ERR_LAYOUT` for a foreign buffer
 */
export function attachVm({ buffer, index }: VmAttachment, thread: number): KvmVm {
  const words = new Int32Array(buffer);
  const config = readConfig(readHeader(words));
  const boards = Array.from(
    { length: sizesOf(config).vms },
    (_, each) => new Board(words, config, thread, each),
  );
  const board = boards[index];
  if (!board) throw new KvmError('KVM_CREATE_VM', 'EINVAL', `there is no VM ${index}`);
  return new KvmVm(board.among(boards), optionsOf(config));
}

/** A VM, and the descriptors of its devices. */
export type InitialisedVm = { readonly vm: KvmVm; readonly gic: number; readonly its: number };

/**
 * Makes a VM as a VMM has it just before the guest runs: with a GICv3 and an ITS at {@link VIRT_FRAMES}, initialised,
 * and the first eventfds open. For trying out a call.
 * @param eventfds - number of open eventfds, from 0 on
 */
export function createInitialisedVm(options: Partial<KvmOptions> = {}, eventfds = 8): InitialisedVm {
  const vm = createVm(options);
  const address = (type: keyof typeof ADDRESSES) => ({ group: GROUPS.ADDR, attr: BigInt(ADDRESSES[type]) });
  const init = { group: GROUPS.CTRL, attr: BigInt(CONTROLS.INIT) };
  const gic = vm.createDevice({ type: VGIC_V3, flags: 0 });
  vm.setDeviceAttr(gic, address('V3_DIST'), VIRT_FRAMES.gicd);
  vm.setDeviceAttr(gic, address('V3_REDIST'), VIRT_FRAMES.gicr);
  const its = vm.createDevice({ type: VGIC_ITS, flags: 0 });
  vm.setDeviceAttr(its, address('ITS'), VIRT_FRAMES.its);
  vm.setDeviceAttr(gic, init);
  vm.setDeviceAttr(its, init);
  for (let open = 0; open < eventfds; open++) vm.eventfd();
  return { vm, gic, its };
}
