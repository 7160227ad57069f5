import type { Gic } from '../gic/gic.ts';
import type { V2Registers } from '../gic/v2/gic-v2.ts';
import type { Its } from '../its/its.ts';
import type { FdTable } from '../kvm/fds.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { IoEventFds } from '../kvm/ioeventfds.ts';
import type { ArchTimers } from '../kvm/timer/arch-timers.ts';
import type { Vm } from '../kvm/vm.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Layout } from '../memory/layout.ts';
import type { Mutex } from '../memory/mutex.ts';
import type { Words } from '../memory/word.ts';

/** A `kvm_create_device`, as userspace fills it in. */
export type CreateDevice = { readonly type: number; readonly flags: number };

/** The guest's accesses to device registers, by physical address. Any thread. */
export type RegisterBus = {
  read(address: number, bytes: number): bigint;
  write(address: number, bytes: number, value: bigint): void;
  /** A 32-bit access as a number: faster, because no bigint is made. Reads are unsigned. */
  readWord(address: number): number;
  writeWord(address: number, value: number): void;
};

/** The parts of a VM that userland's calls work on, wired up for one thread: a `Board`. */
export type VmBoard = {
  readonly words: Words;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly index: number;
  readonly vm: Vm;
  readonly gic: Gic;
  readonly itses: readonly Its[];
  readonly memory: GuestMemory;
  readonly bus: RegisterBus;
  readonly fds: FdTable;
  readonly ioeventfds: IoEventFds;
  readonly configLock: Mutex;
  /** The registers of a GICv2, where the host can run one. */
  readonly gicV2: V2Registers | undefined;
  /** The in-kernel timers. Undefined on a board that is no VM of userland's. */
  readonly timers: ArchTimers | undefined;
  /** The other VMs of the process. */
  readonly neighbours: readonly { readonly vm: Vm }[];
  /** write(2) of an eventfd, heard by all VMs of the process. */
  write(fd: Fd, value: number | bigint): boolean;
};
