import type { DeviceId, EventId, Pin } from '../arch/intid.ts';
import type { KernelDesign } from '../kvm/designs/kernel-design.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { Vm } from '../kvm/vm.ts';
import type { VmmPolicy } from './policies.ts';

export { DESIGN_NAMES, type DesignName } from '../kvm/designs/kernel-design.ts';

/** The origin of an interrupt, as its device knows it. */
export type DesignSource =
  | { readonly kind: 'wired' /** 0 to 987: SPI INTID - 32. */; readonly pin: Pin }
  | {
      readonly kind: 'msi';
      readonly deviceId: DeviceId;
      readonly eventId: EventId;
      /** The address of the ITS's GITS_TRANSLATER. */
      readonly doorbell: number;
    };

/** The names of one interrupt: the guest's, userland's and the device's. */
export type NameKind = 'intid' | 'gsi' | 'devid:evid';

/** Userland's cost to change one source: the number of calls, and of table entries handed over. */
export type UpdateCost = { readonly calls: number; readonly entries: number };

/** An eventfd and the source that it signals. */
export type Connection = {
  readonly fd: Fd;
  readonly source: DesignSource;
  /** Of a level-triggered wired source: written at the EOI. */
  readonly resamplefd?: Fd | undefined;
};

/**
 * Userland's half of a design: the VMM's bookkeeping. Only the VMM's thread may call. Each method returns its cost.
 * @throws KvmError if the design, or the VM, refuses
 */
export interface Userland {
  /** Whether an irqfd of this design can carry the source. */
  carries(source: DesignSource): boolean;
  /** Connects an eventfd to a source: from here on, writes to the eventfd inject. */
  connect(connection: Connection): UpdateCost;
  /** Connects several eventfds, with one table for all of them if the design has a table. */
  connectAll(connections: readonly Connection[]): UpdateCost;
  /** Masks one vector: events meanwhile stay in its eventfd. */
  mask(fd: Fd): UpdateCost;
  unmask(fd: Fd): UpdateCost;
  /** Changes a vector's message, as after a guest's write to its MSI-X entry. */
  reroute(fd: Fd, source: DesignSource): UpdateCost;
  disconnect(fd: Fd): UpdateCost;
}

/** A design of the debate: the kernel's half and userland's half. */
export type Design = KernelDesign & {
  /** Letter of the list in the debate. */
  readonly letter: string;
  readonly title: string;
  /** The source of the statement, or the period in which it holds. */
  readonly status: string;
  /** The names of an irqfd's interrupt that each party must know. */
  readonly names: Readonly<Record<'guest' | 'userland' | 'kernel' | 'device', readonly NameKind[]>>;
  /** @param policy - the VMM whose habits userland follows; left out, QEMU */
  readonly makeUserland: (vm: Vm, policy?: VmmPolicy) => Userland;
};
