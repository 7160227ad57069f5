import type { Intid } from '../arch/intid.ts';
import type { DesignName } from '../kvm/designs/kernel-design.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import type { MemorySlot } from '../memory/guest-memory.ts';

/** The host, the limits and the guest memory of VMs made by {@link createVm}. Plain data: it can be posted to a thread. */
export type KvmOptions = {
  /** vCPUs of each VM, 1 to 1,024; all are there from the beginning, unless `vcpusLater`. */
  readonly vcpus: number;
  /** The VM starts without vCPUs, and KVM_CREATE_VCPU adds them. */
  readonly vcpusLater: boolean;
  /** VMs that share the process's file descriptors. */
  readonly vms: number;
  readonly eventfds: number;
  /** Threads that attach to a VM at most. */
  readonly threads: number;
  /** Bits of an INTID, 14 to 16. */
  readonly idBits: number;
  /** DeviceIDs, and events, that an ITS has room for. */
  readonly devices: number;
  readonly events: number;
  readonly memory: readonly MemorySlot[];
  /** Bits of a guest-physical address. */
  readonly physBits: number;
  /** Whether the host can run a GICv2, of at most 8 vCPUs. */
  readonly gicV2: boolean;
  /** PPIs that a device in the kernel drives once a vCPU has run, beside the timers' own: the PMU's. */
  readonly ownedPpis: readonly Intid[];
  /** Linux 6.17 and up: an eventfd takes one irqfd of all VMs. */
  readonly exclusiveEventFds: boolean;
  readonly dispatch: Dispatch;
  readonly design: DesignName;
};

export const DEFAULT_KVM_OPTIONS: KvmOptions = {
  vcpus: 1,
  vcpusLater: false,
  vms: 1,
  eventfds: 64,
  threads: 1,
  idBits: 16,
  devices: 64,
  events: 1024,
  memory: [{ base: 0x4000_0000, bytes: 0x20_0000 }],
  physBits: 40,
  gicV2: false,
  ownedPpis: [],
  exclusiveEventFds: true,
  dispatch: 'inline',
  design: 'merged',
};
