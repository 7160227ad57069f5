import type { DeviceId, EventId, Pin } from '../arch/intid.ts';
import type { KernelDesign } from '../kvm/designs/kernel-design.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { Vm } from '../kvm/vm.ts';
import type { VmmPolicy } from './policies.ts';

export { DESIGN_NAMES, type DesignName } from '../kvm/designs/kernel-design.ts';

/** Where an interrupt comes from, as its device knows it. */
export type Source =
  | { readonly kind: 'wired' /** 0 to 987: SPI INTID - 32. */; readonly pin: Pin }
  | {
      readonly kind: 'msi';
      readonly deviceId: DeviceId;
      readonly eventId: EventId;
      /** The ITS's GITS_TRANSLATER. */
      readonly doorbell: number;
    };

/** The names of one interrupt: the guest's, userland's and the device's. */
export type NameKind = 'intid' | 'gsi' | 'devid:evid';

/** What it costs userland to change one source: how often it called, and how many entries of a table it handed over. */
export type UpdateCost = { readonly calls: number; readonly entries: number };

/** An eventfd and what it is to be the signal of. */
export type Connection = {
  readonly fd: Fd;
  readonly source: Source;
  /** Of a level-triggered wired source: written when the guest has ended the interrupt. */
  readonly resamplefd?: Fd | undefined;
};

/**
 * Userland's half of a design: the VMM's bookkeeping. It belongs to the one thread that runs the VMM. Each method
 * returns what it cost.
 * @throws KvmError where the design, or the VM, refuses
 */
export interface Userland {
  /** Whether an irqfd of this design can carry such a source. */
  carries(source: Source): boolean;
  /** Connects an eventfd to a source: from here on its writes are interrupts. */
  connect(connection: Connection): UpdateCost;
  /** Connects many, with one table for all of them where the design has one. */
  connectAll(connections: readonly Connection[]): UpdateCost;
  /** Holds the interrupts of one vector back: what is signalled meanwhile stays in its eventfd. */
  mask(fd: Fd): UpdateCost;
  unmask(fd: Fd): UpdateCost;
  /** Gives a vector another message: what a guest does that writes its MSI-X entry. */
  reroute(fd: Fd, source: Source): UpdateCost;
  disconnect(fd: Fd): UpdateCost;
}

/** A design of the debate: a kernel's half, and userland's that goes with it. */
export type Design = KernelDesign & {
  /** Letter of the list in the debate. */
  readonly letter: string;
  readonly title: string;
  /** The source of the statement, or since when it holds. */
  readonly status: string;
  /** Which names each party must know of an interrupt that an irqfd injects. */
  readonly names: Readonly<Record<'guest' | 'userland' | 'kernel' | 'device', readonly NameKind[]>>;
  /** @param policy - the VMM whose habits userland has, where they make a difference: QEMU's if left out */
  readonly makeUserland: (vm: Vm, policy?: VmmPolicy) => Userland;
};
